"""The files that every build of ours has at hand."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from workshop.errors import SettingError
from workshop.model.image import ImageSettings

HOME = "/home/jovyan"
VENV = "/opt/venv"
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
CA_VARIABLES = (
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO",
)  # fmt: skip
"""How programs are told of a bundle; each reads another one."""
EXCLUDED = ("rfc3987-syntax",)
"""Packages that uv leaves out: this one costs each seat a second at its start, and no schema of Jupyter uses it."""
SCRIPTS = (
    "setup.sh", "entrypoint.sh", "env.sh", "install.sh", "compile_packages.py", "jupyter.sh", "apt.sh", "finish.sh",
    "runnable.sh", "conda.sh", "vscode.sh", "overrides.json", "code-server-settings.json",
)  # fmt: skip


def shipped(name: str) -> bytes:
    """A file that came with this program."""
    return (files("workshop.images") / "files" / name).read_bytes()


def tool_files(settings: ImageSettings) -> dict[str, bytes]:
    """The context's `tool/` folder, but for uv: always the same files, because layers are shared by its content.

    Raises:
        SettingError: the CA bundle cannot be read.
    """
    content = {f"tool/{name}": shipped(name) for name in SCRIPTS}
    content["tool/excludes.txt"] = ("\n".join(EXCLUDED) + "\n").encode()
    if settings.ca_bundle:
        content["tool/ca.crt"] = read_ca_bundle(settings.ca_bundle)
    return content


def read_ca_bundle(path: str) -> bytes:
    """
    Raises:
        SettingError: there is no such file, or it holds no certificate.
    """
    try:
        content = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise SettingError(
            f"The CA bundle {path} cannot be read: {error.strerror}.",
            hint="WORKSHOP_IMAGE_CA_BUNDLE names a file of certificates in PEM form.",
        ) from error
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise SettingError(
            f"The CA bundle {path} holds no certificate.",
            hint="WORKSHOP_IMAGE_CA_BUNDLE names a file of certificates in PEM form.",
        )
    return content


def seat_environment(settings: ImageSettings, prefix: str) -> dict[str, str]:
    """The variables that builds and seats see.

    Args:
        prefix: the environment whose programs come first.
    """
    path = f"{HOME}/.local/bin:{prefix}/bin:/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
    variables = {
        "LANG": "C.UTF-8", "SHELL": "/bin/bash", "HOME": HOME, "USER": "jovyan", "NB_USER": "jovyan", "NB_UID": "1000",
        "REPO_DIR": HOME, "PATH": path,
    }  # fmt: skip
    if prefix == VENV:
        variables["VIRTUAL_ENV"] = VENV
    if settings.ca_bundle:
        variables |= dict.fromkeys(CA_VARIABLES, CA_BUNDLE)
    if settings.index_url and not has_password(settings.index_url):
        variables["PIP_INDEX_URL"] = settings.index_url
    return variables


def has_password(url: str) -> bool:
    return "@" in urlsplit(url).netloc
