#!/usr/bin/env python3
"""Stands for `jupyter-lab` in seats that need no notebook: answers the ready path to the seat's own token."""

import http.server
import os
import sys

flags = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:] if "=" in word)
READY = flags["ServerApp.base_url"] + "api/status"


class Seat(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = self.headers.get("Authorization") == "token " + os.environ["JUPYTER_TOKEN"] and self.path == READY
        body = b'{"connections": 0, "kernels": 0, "last_activity": "2026-01-01T00:00:00Z", "started": "x"}'
        self.send_response(200 if good else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


http.server.ThreadingHTTPServer((flags["ServerApp.ip"], int(flags["ServerApp.port"])), Seat).serve_forever()
