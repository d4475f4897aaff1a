#!/bin/sh
# Installs into micromamba's base environment: `packages NAME...`, `file ENVIRONMENT.yml`; or `finish [POSTBUILD]`.
set -eu
export CONDA_PKGS_DIRS=/var/cache/conda MAMBA_NO_BANNER=1 PIP_NO_CACHE_DIR=1
[ -z "${SSL_CERT_FILE:-}" ] || export MAMBA_SSL_VERIFY="$SSL_CERT_FILE"
what=$1
shift
case $what in
  packages)
    micromamba install --yes --quiet --name base --channel conda-forge --always-copy "$@"
    ;;
  file)
    # The file's own name is passed over, as on Binder: everything goes into the base environment.
    micromamba install --yes --quiet --name base --always-copy --file "$1"
    ;;
  finish)
    settings=/opt/conda/share/jupyter/lab/settings
    mkdir -p "$settings"
    cp /opt/workshop/tool/overrides.json "$settings/overrides.json"
    cd "$REPO_DIR"
    if [ -n "${1:-}" ]; then
      sh /opt/workshop/tool/runnable.sh "$1"
      "./$1" || {
        code=$?
        echo "workshop: postBuild: $1 ended with exit code $code" >&2
        exit "$code"
      }
    fi
    micromamba list --name base --json \
      | python3 -c 'import json, sys; [print(p["name"] + "==" + p["version"]) for p in json.load(sys.stdin)]' \
      > /opt/workshop/record/packages.txt
    ;;
esac
