#!/bin/sh
# Installs Debian packages, from a mirror if one was given (WORKSHOP_APT_MIRROR); leaves no trace of the mirror.
set -eu
if [ -n "${WORKSHOP_APT_MIRROR:-}" ]; then
  sources=$(mktemp -d)
  cp -r /etc/apt/sources.list.d "$sources/parts" 2>/dev/null || mkdir "$sources/parts"
  cp /etc/apt/sources.list "$sources/parts/main.list" 2>/dev/null || true
  find "$sources/parts" -type f -exec sed -i -E \
    "s#https?://(deb\.debian\.org|(archive|security)\.ubuntu\.com|security\.debian\.org)/(debian|ubuntu)#$WORKSHOP_APT_MIRROR#" {} +
  set -- -o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$sources/parts" "$@"
fi
options=
while [ "${1:-}" = -o ]; do
  options="$options -o $2"
  shift 2
done
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
apt-get -qq $options -o APT::Update::Error-Mode=any update
# shellcheck disable=SC2086
apt-get -qq $options -o Dpkg::Use-Pty=0 install --yes --no-install-recommends "$@"
if [ -n "${sources:-}" ]; then rm -rf "$sources"; fi
