#!/bin/sh
# After the code: postBuild if there is one, then the list of what is installed.
set -eu
. /opt/workshop/tool/env.sh
cd "$REPO_DIR"
if [ -n "${1:-}" ]; then
  sh /opt/workshop/tool/runnable.sh "$1"
  "./$1" || {
    code=$?
    echo "workshop: postBuild: $1 ended with exit code $code" >&2
    exit "$code"
  }
  compile_packages
fi
uv pip freeze --quiet > /opt/workshop/record/packages.txt
