#!/bin/sh
# Runs once as root, below everything that differs between workshops: the seats' user, folders, trusted certificates.
# Argument: the folder of the Python environment.
set -eu
tool=/opt/workshop/tool
prefix=${1:-/opt/venv}

if ! command -v apt-get >/dev/null 2>&1 || ! command -v useradd >/dev/null 2>&1; then
  echo "workshop: base: not a Debian or Ubuntu image" >&2
  exit 1
fi

owner=$(getent passwd 1000 | cut -d: -f1)
if [ -z "$owner" ]; then
  useradd --create-home --home-dir /home/jovyan --uid 1000 --shell /bin/bash --user-group jovyan
elif [ "$owner" != jovyan ]; then
  usermod --login jovyan --home /home/jovyan --move-home --shell /bin/bash "$owner"
fi
gid=$(id -g jovyan)
[ "$gid" = 1000 ] || { groupmod --gid 1000 "$(id -gn jovyan)"; }
install -d -o 1000 -g 1000 /home/jovyan "$prefix" /opt/workshop/record
chown -R 1000:1000 /home/jovyan "$prefix"

# Debian's /etc/profile sets PATH anew, so that login shells would not find the environment.
cat > /etc/profile.d/workshop.sh <<PROFILE
PATH=/home/jovyan/.local/bin:$prefix/bin:/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin
export PATH
PROFILE

if [ -s "$tool/ca.crt" ]; then
  bundle=/etc/ssl/certs/ca-certificates.crt
  mkdir -p /etc/ssl/certs /usr/local/share/ca-certificates
  cp "$tool/ca.crt" /usr/local/share/ca-certificates/workshop.crt
  touch "$bundle"
  # Both bundles, each certificate once.
  cat "$bundle" "$tool/ca.crt" | awk '
    /-----BEGIN/ { block = ""; inside = 1 }
    inside { block = block $0 "\n" }
    /-----END/ { inside = 0; if (!(block in seen)) { seen[block] = 1; printf "%s", block } }
  ' > "$bundle.new"
  mv "$bundle.new" "$bundle"
  chmod 644 "$bundle"
fi

install -m 755 "$tool/entrypoint.sh" /opt/workshop/entrypoint
