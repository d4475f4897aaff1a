#!/bin/sh
# The layer that all workshops share. Arguments: the wanted Python, then what to install.
set -eu
. /opt/workshop/tool/env.sh
python=$1
shift
echo "workshop: pythons: $(uv python list --only-installed --no-managed-python 2>/dev/null | awk '{print $1}' | tr '\n' ' ')"
uv venv --quiet --allow-existing --no-managed-python --python "$python" /opt/venv
uv pip install --quiet "$@"
compile_packages
settings=/opt/venv/share/jupyter/lab/settings
mkdir -p "$settings"
cp /opt/workshop/tool/overrides.json "$settings/overrides.json"
