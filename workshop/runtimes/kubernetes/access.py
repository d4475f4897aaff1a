"""Which cluster, and by what right: kubeconfig files and contexts as kubectl reads them, or the pod's own account.

The `kubernetes` package reads the files, runs exec plugins and renews their tokens; it is imported only here.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workshop.errors import RuntimeUnreachable

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
    _configuration: Any = None
    _token_file: Path | None = None
    _header: str = ""
    _read_at: float = field(default=float("-inf"))

    async def headers(self) -> dict[str, str]:
        """The Authorization header, renewed from its source once a minute.

        Raises:
            RuntimeUnreachable: the plugin that gives out tokens failed.
        """
        if time.monotonic() - self._read_at > RENEW:
            self._header = await asyncio.to_thread(self._read_header)
            self._read_at = time.monotonic()
        return {"Authorization": self._header} if self._header else {}

    def forget_token(self) -> None:
        """Ask the token's source again at the next request (after a 401)."""
        self._read_at = float("-inf")

    def _read_header(self) -> str:
        if self._token_file is not None:
            return f"Bearer {self._token_file.read_text().strip()}"
        if self._configuration is None:
            return ""
        from kubernetes.config import ConfigException

        try:
            for name in ("BearerToken", "authorization"):
                value = self._configuration.get_api_key_with_prefix(name)
                if value:
                    return str(value)
        except (ConfigException, OSError, ValueError) as error:
            raise _no_credentials(self.context, error) from error
        if self._configuration.username:
            return str(self._configuration.get_basic_auth_token())
        return ""


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


_READING = threading.Lock()
"""The package puts certificates into files that it names before they are written: one reader at a time."""


def kubeconfig_access(files: str, context: str) -> Access:
    """Read the files and the context's credentials.

    Raises:
        RuntimeUnreachable: see `find_access`.
    """
    with _READING:
        return _kubeconfig_access(files, context)


def _kubeconfig_access(files: str, context: str) -> Access:
    import yaml
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException, kube_config

    configuration = Configuration()
    try:
        loader: Any = kube_config
        contexts, active = loader.list_kube_config_contexts(config_file=files)
        names = [entry["name"] for entry in contexts]
        if context and context not in names:
            raise RuntimeUnreachable(
                f"The kubeconfig {files} has no context {context!r}.", hint=f"It has: {', '.join(names) or 'none'}."
            )
        chosen = next((entry for entry in contexts if entry["name"] == context), active)
        loader.load_kube_config(
            config_file=files, context=chosen["name"], client_configuration=configuration, persist_config=False
        )
    except (ConfigException, yaml.YAMLError, OSError, KeyError, TypeError) as error:
        raise _no_credentials(context or "the current context", error, files) from error
    return Access(
        server=configuration.host.rstrip("/"),
        context=chosen["name"],
        namespace=chosen["context"].get("namespace", "") or "default",
        tls=_tls(configuration) if configuration.host.startswith("https") else None,
        tls_server_name=configuration.tls_server_name or "",
        proxy=configuration.proxy or "",
        source=files,
        _configuration=configuration,
    )


def pod_access() -> Access:
    """The account that Kubernetes mounts into every pod that asks for it."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    return Access(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        context="in-cluster",
        namespace=(ACCOUNT / "namespace").read_text().strip(),
        tls=ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt")),
        inside=True,
        source=str(ACCOUNT),
        _token_file=ACCOUNT / "token",
    )


def _tls(configuration: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert or None)
    # Clusters' own authorities often lack the key-usage extension that the strict check wants; kubectl takes them.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file or None)
    return context


def _no_credentials(context: str, error: Exception, files: str = "") -> RuntimeUnreachable:
    where = f" in {files}" if files else ""
    return RuntimeUnreachable(
        f"The credentials of {context}{where} could not be read.",
        hint="Log in to the cluster again, and see that `kubectl get namespaces` works.",
        details=(str(error),),
    )
