"""Which cluster, and by what right: kubeconfig files and contexts as kubectl reads them, or the pod's own account.

Where a plugin gives out the credentials, the `kubernetes` package runs it and renews its tokens; it is imported only
here, and only then.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workshop.errors import RuntimeUnreachable
from workshop.runtimes.kubernetes.kubeconfig import Context, Unreadable, read_context, tls_context

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
RENEW = 60.0
"""Seconds that a token is used before its source is asked again."""


@dataclass(slots=True)
class Access:
    """How to reach one API server. Made by `kubeconfig_access` or `pod_access`."""

    server: str
    context: str
    """The context's name, or `in-cluster`."""
    namespace: str
    """The context's default namespace."""
    tls: ssl.SSLContext | None
    tls_server_name: str = ""
    proxy: str = ""
    inside: bool = False
    """Whether this program runs in a pod of the cluster, so that pod addresses can be dialled."""
    source: str = ""
    """The files that were read, as shown to people."""
    _authorization: Callable[[], str] = str
    """Reads the Authorization header from its source; may take seconds."""
    _header: str = ""
    _read_at: float = field(default=float("-inf"))

    async def headers(self) -> dict[str, str]:
        """The Authorization header, renewed from its source once a minute.

        Raises:
            RuntimeUnreachable: the plugin that gives out tokens failed.
        """
        if time.monotonic() - self._read_at > RENEW:
            self._header = await asyncio.to_thread(self._authorization)
            self._read_at = time.monotonic()
        return {"Authorization": self._header} if self._header else {}

    def forget_token(self) -> None:
        """Ask the token's source again at the next request (after a 401)."""
        self._read_at = float("-inf")


def find_access(context: str = "", kubeconfig: str = "") -> Access:
    """The access that kubectl would use; in a pod without a kubeconfig, the pod's own account.

    Args:
        context: a context of the kubeconfig; empty for the current one.
        kubeconfig: one file or several joined by the system's path separator; empty for `KUBECONFIG`, then
            `~/.kube/config`.

    Raises:
        RuntimeUnreachable: no kubeconfig, no such context, or a plugin that gives no credentials.
    """
    files = kubeconfig or os.environ.get("KUBECONFIG", "") or str(Path.home() / ".kube" / "config")
    if any(Path(name).is_file() for name in files.split(os.pathsep)):
        return kubeconfig_access(files, context)
    if not kubeconfig and (ACCOUNT / "token").is_file() and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return pod_access()
    raise RuntimeUnreachable(
        f"There is no kubeconfig at {files}.",
        hint="Set KUBECONFIG, or fetch one from your cluster's provider; `kubectl get namespaces` must work first.",
    )


def kubeconfig_access(files: str, context: str) -> Access:
    """Read the files and the context's credentials.

    Raises:
        RuntimeUnreachable: see `find_access`.
    """
    try:
        found = read_context(files, context)
        if not isinstance(found, Context):
            raise RuntimeUnreachable(
                f"The kubeconfig {files} has no context {context!r}.", hint=f"It has: {', '.join(found) or 'none'}."
            )
        if found.needs_plugin:
            return _plugin_access(files, found)
        found.authorization()  # what cannot be read is told at once
        return _access(files, found, found.tls(), lambda: _authorization(files, found))
    except Unreadable as error:
        raise _no_credentials(context or "the current context", error, files) from error


def _access(files: str, found: Context, tls: ssl.SSLContext | None, authorization: Callable[[], str]) -> Access:
    return Access(
        server=found.cluster.text("server").rstrip("/"),
        context=found.name,
        namespace=found.namespace,
        tls=tls,
        tls_server_name=found.cluster.text("tls-server-name"),
        proxy=found.cluster.text("proxy-url"),
        source=files,
        _authorization=authorization,
    )


def _authorization(files: str, found: Context) -> str:
    try:
        return found.authorization()
    except Unreadable as error:
        raise _no_credentials(found.name, error, files) from error


# Plugins

_READING = threading.Lock()
"""The package puts certificates into files that it names before they are written: one reader at a time."""


def _plugin_access(files: str, found: Context) -> Access:
    import yaml
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException, kube_config

    configuration: Any = Configuration()
    loader: Any = kube_config
    try:
        with _READING:
            loader.load_kube_config(
                config_file=files, context=found.name, client_configuration=configuration, persist_config=False
            )
            tls = found.tls()
            if tls is not None and configuration.cert_file:  # a plugin may give a certificate in place of a token
                tls.load_cert_chain(configuration.cert_file, configuration.key_file or None)
    except (ConfigException, yaml.YAMLError, OSError, KeyError, TypeError) as error:
        raise _no_credentials(found.name, error, files) from error

    def authorization() -> str:
        try:
            for name in ("BearerToken", "authorization"):
                if value := configuration.get_api_key_with_prefix(name):
                    return str(value)
        except (ConfigException, OSError, ValueError) as error:
            raise _no_credentials(found.name, error, files) from error
        return found.authorization()

    if not authorization() and not configuration.cert_file:  # the package logs why, and goes on without
        raise Unreadable(f"its plugin gave none: {_command(found)}")
    return _access(files, found, tls, authorization)


def _command(found: Context) -> str:
    plugin = found.user.content.get("exec")
    if not isinstance(plugin, dict):
        return "the context's auth-provider"
    return " ".join(map(str, (plugin.get("command", ""), *(plugin.get("args") or ()))))


def pod_access() -> Access:
    """The account that Kubernetes mounts into every pod that asks for it."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    return Access(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        context="in-cluster",
        namespace=(ACCOUNT / "namespace").read_text().strip(),
        tls=tls_context((ACCOUNT / "ca.crt").read_bytes()),
        inside=True,
        source=str(ACCOUNT),
        _authorization=lambda: f"Bearer {(ACCOUNT / 'token').read_text().strip()}",
    )


def _no_credentials(context: str, error: Exception, files: str = "") -> RuntimeUnreachable:
    where = f" in {files}" if files else ""
    return RuntimeUnreachable(
        f"The credentials of {context}{where} could not be read.",
        hint="Log in to the cluster again, and see that `kubectl get namespaces` works.",
        details=(str(error),),
    )
