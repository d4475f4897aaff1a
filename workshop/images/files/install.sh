#!/bin/sh
# Calls uv with the arguments, then compiles what it installed: each package once for all images of this engine.
set -eu
. /opt/workshop/tool/env.sh
uv "$@"
compile_packages
