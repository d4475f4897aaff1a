"""A Git host on this machine: git's own smart HTTP backend, with a password where a test wants one."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

USER, PASSWORD = "teacher", "s3cr3t/t@ken"


@dataclass
class GitServer:
    """Serves the repositories below a folder.

    Args:
        root: bare repositories.
        private: ask for `USER` and `PASSWORD`.
        certificate: a file with key and certificate, for https.
        answers: instead of a repository, by the beginning of a path: a status and, of a redirection, its target.
    """

    root: Path
    private: bool = False
    certificate: Path | None = None
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    large_files: dict[str, bytes] = field(default_factory=dict)
    """What Git LFS keeps here, by SHA-256."""
    seen_in_arguments: set[str] = field(default_factory=set)
    """Names of programs whose arguments held the password while a request was answered."""
    authorized: int = 0
    """Requests that came with the right credentials."""

    def __enter__(self) -> GitServer:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_arguments: object) -> None: ...
            def do_GET(self) -> None:
                server._answer(self)

            def do_POST(self) -> None:
                server._answer(self)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._http.server_port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://{self.host}"

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path, _, query = request.path.partition("?")
        for start, (status, target) in self.answers.items():
            if path.startswith(start):
                request.send_response(status)
                if 300 <= status < 400:
                    request.send_header("Location", request.path.replace(start, target, 1))
                _finish(request, target.encode() if status == 200 else b"")
                return
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        self.seen_in_arguments |= _programs_that_show(PASSWORD)
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.private and request.headers.get("Authorization") != f"Basic {token}":
            request.send_response(401)
            request.send_header("WWW-Authenticate", 'Basic realm="course"')
            _finish(request, b"")
            return
        self.authorized += 1
        if path.endswith("/info/lfs/objects/batch"):
            self._large_files(request, json.loads(body))
            return
        if path.startswith("/lfs/"):
            request.send_response(200)
            _finish(request, self.large_files[path.removeprefix("/lfs/")])
            return
        self._backend(request, path, query, body)

    def _large_files(self, request: BaseHTTPRequestHandler, asked: dict[str, Any]) -> None:
        """The batch call of the Git LFS API: where each object is to be had."""
        objects = []
        for wanted in asked["objects"]:
            if wanted["oid"] in self.large_files:
                place = {"href": f"{self.url}/lfs/{wanted['oid']}", "header": {}}
                objects.append({**wanted, "actions": {"download": place}})
            else:
                objects.append({**wanted, "error": {"code": 404, "message": "Object does not exist"}})
        request.send_response(200)
        request.send_header("Content-Type", "application/vnd.git-lfs+json")
        _finish(request, json.dumps({"transfer": "basic", "objects": objects}).encode())

    def _backend(self, request: BaseHTTPRequestHandler, path: str, query: str, body: bytes) -> None:
        environment = os.environ | {
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": request.command,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run(("git", "http-backend"), env=environment, input=body, capture_output=True, check=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().split("\r\n")]
        headers = {name: value for name, _, value in lines}
        request.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            request.send_header(name, value)
        _finish(request, content)


def _finish(request: BaseHTTPRequestHandler, content: bytes) -> None:
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


def _programs_that_show(secret: str) -> set[str]:
    from urllib.parse import quote

    forms = (secret, quote(secret, safe=""))
    found = set()
    for process in psutil.process_iter(["name", "cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        if any(form in words for form in forms):
            found.add(str(process.info["name"]))
    return found
