"""Kubeconfig files, read as kubectl reads them: several are one, and the first that says something wins.

Source of the rules: "Organizing Cluster Access Using kubeconfig Files" of the Kubernetes documentation. The
`kubernetes` package takes the current context of the last file instead, and is slow to load (0.4 s of every call);
it is asked for what a plugin gives alone (`access.py`).
"""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = Mapping[str, Any]
PLUGINS = ("exec", "auth-provider")
"""Ways of a user to get credentials from a program or a service."""


class Unreadable(Exception):
    """What is wrong with the files, for people."""


@dataclass(frozen=True, slots=True)
class Said:
    """An entry of a list, and the folder of its file: paths in it are relative to that."""

    content: Json
    folder: Path

    def text(self, key: str) -> str:
        return str(self.content.get(key) or "")

    def data(self, key: str) -> bytes:
        """The content of a certificate or key: written in the file, or in one that is named; empty for none.

        Raises:
            Unreadable: it is not what it should be, or cannot be read.
        """
        try:
            if written := self.text(f"{key}-data"):
                return base64.b64decode(written, validate=True)
            if named := self.text(key):
                return (self.folder / named).read_bytes()
        except (OSError, ValueError) as error:
            raise Unreadable(f"{key}: {error}") from error
        return b""


@dataclass(frozen=True, slots=True)
class Context:
    """A context with its cluster and its user."""

    name: str
    namespace: str
    cluster: Said
    user: Said

    @property
    def needs_plugin(self) -> bool:
        """Whether its credentials come from somewhere else than the files."""
        return any(self.user.content.get(way) for way in PLUGINS)

    def authorization(self) -> str:
        """The Authorization header that its user has now; empty for none.

        Raises:
            Unreadable: the token's file cannot be read.
        """
        if file := self.user.text("tokenFile"):
            try:
                return f"Bearer {(self.user.folder / file).read_text().strip()}"
            except OSError as error:
                raise Unreadable(f"tokenFile: {error}") from error
        if token := self.user.text("token"):
            return f"Bearer {token}"
        if name := self.user.text("username"):
            pair = f"{name}:{self.user.text('password')}"
            return f"Basic {base64.b64encode(pair.encode()).decode()}"
        return ""

    def tls(self) -> ssl.SSLContext | None:
        """How the server is verified and this user known to it; None where the server speaks no TLS.

        Raises:
            Unreadable: a certificate or key cannot be used.
        """
        if not self.cluster.text("server").startswith("https"):
            return None
        authority = self.cluster.data("certificate-authority")
        try:
            made = tls_context(authority, verify=not self.cluster.content.get("insecure-skip-tls-verify"))
            if certificate := self.user.data("client-certificate"):
                _use(made, certificate, self.user.data("client-key"))
        except (ssl.SSLError, ValueError) as error:
            raise Unreadable(str(error)) from error
        return made


def tls_context(authority: bytes, *, verify: bool = True) -> ssl.SSLContext:
    """
    Args:
        authority: certificates (PEM) of who may vouch for the server; empty for those that this machine trusts.
    """
    made = ssl.create_default_context(cadata=authority.decode("ascii", "ignore") if authority else None)
    # Clusters' own authorities often lack the key-usage extension that the strict check wants; kubectl takes them.
    made.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def _use(made: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Load a client's certificate; the interface takes files alone, which are here for a moment, for nobody else."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "client.pem"
        file.touch(mode=0o600)
        file.write_bytes(certificate.rstrip() + b"\n" + key)
        made.load_cert_chain(file)


def read_context(files: str, wanted: str) -> Context | tuple[str, ...]:
    """The wanted context, or the names of those there are when it is not among them.

    Args:
        files: paths joined by the system's path separator; those that do not exist say nothing.
        wanted: a context's name; empty for the current one.

    Raises:
        Unreadable: a file is no kubeconfig, or the context is incomplete.
    """
    documents = list(_documents(files))
    contexts = _merged(documents, "contexts", "context")
    name = wanted or next((str(doc["current-context"]) for doc, _ in documents if doc.get("current-context")), "")
    if not name:
        raise Unreadable("no current context is set")
    if name not in contexts:
        return tuple(contexts)
    context = contexts[name]
    clusters, users = _merged(documents, "clusters", "cluster"), _merged(documents, "users", "user")
    cluster = clusters.get(context.text("cluster"))
    if cluster is None or not cluster.text("server"):
        raise Unreadable(f"the context {name} names no cluster with a server")
    user = users.get(context.text("user"), Said({}, Path()))
    return Context(name, context.text("namespace") or "default", cluster, user)


def _documents(files: str) -> Iterator[tuple[Json, Path]]:
    import yaml

    for path in (Path(name).expanduser() for name in files.split(os.pathsep) if name):
        if not path.is_file():
            continue
        try:
            found = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
            raise Unreadable(f"{path}: {error}") from error
        if not isinstance(found, dict):
            raise Unreadable(f"{path} is no kubeconfig")
        yield found, path.absolute().parent


def _merged(documents: list[tuple[Json, Path]], plural: str, singular: str) -> dict[str, Said]:
    """The entries of a list over all files, by name."""
    found: dict[str, Said] = {}
    for document, folder in documents:
        entries = document.get(plural) or []
        if not isinstance(entries, list) or not all(isinstance(one, dict) and "name" in one for one in entries):
            raise Unreadable(f"{plural} is no list of entries with names")
        for entry in entries:
            content = entry.get(singular)
            found.setdefault(str(entry["name"]), Said(content if isinstance(content, dict) else {}, folder))
    return found
