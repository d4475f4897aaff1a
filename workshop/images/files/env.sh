# Sourced by every step that installs: uv, its settings, and the package index if one was given.
export UV_CACHE_DIR=${UV_CACHE_DIR:-/var/cache/workshop/uv} UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1
export UV_EXCLUDE=/opt/workshop/tool/excludes.txt UV_PROJECT_ENVIRONMENT=/opt/venv
export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# A package that takes its version from Git finds no .git here.
export SETUPTOOLS_SCM_PRETEND_VERSION=0.0.0 PBR_VERSION=0.0.0 HATCH_VCS_PRETEND_VERSION=0.0.0
if [ -r /run/secrets/index ]; then
  set -a
  . /run/secrets/index
  set +a
fi
PATH=/opt/workshop/tool:$PATH
export PATH
if [ ! -x /opt/workshop/tool/uv ]; then
  # The engine's machine is of another kind than this one: uv comes from the package index.
  python3 -m venv "$UV_CACHE_DIR/bootstrap" && "$UV_CACHE_DIR/bootstrap/bin/pip" install --quiet uv || exit 1
  PATH=$UV_CACHE_DIR/bootstrap/bin:$PATH
fi

compile_packages() {
  # The cache mount is missing with the classic builder.
  cache=$UV_CACHE_DIR/../bytecode
  [ -z "${UV_NO_CACHE:-}" ] || cache=
  site=$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  # shellcheck disable=SC2086
  /opt/venv/bin/python /opt/workshop/tool/compile_packages.py "$site" $cache --fixed-time
}
