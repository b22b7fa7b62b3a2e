"""The lab's server: one page and its questions, for one person on this machine.

It listens on the loopback address alone. Every path begins with a random token, so that no other user or page
can guess an address; the Host header must name this server, so that a foreign name that resolves to 127.0.0.1 (DNS
rebinding) is refused; a request with another Origin is refused. Paths are names in tables: none is a path of a file.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ..errors import Error, show
from ..files import strict_json
from . import api, page
from .session import Session

ADDRESS = "127.0.0.1"
MAX_BODY = 100_000  # bytes of a question
MAX_REQUESTS = 16  # answered at once; the rest are refused
TIMEOUT = 20.0  # seconds in which a client has to send its request
JSON, HTML, TEXT = "application/json", "text/html; charset=utf-8", "text/plain; charset=utf-8"


class Server(ThreadingHTTPServer):
    """Serves a session until it is shut down. Error (OSError): the port is taken."""

    daemon_threads = True
    request_queue_size = 1024  # connections that may wait: a client that finds no room tries again a second later

    def __init__(self, session: Session, port: int = 0) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.session = session
        self.token = secrets.token_urlsafe(24)
        self._free = threading.Semaphore(MAX_REQUESTS)

    @property
    def hosts(self) -> tuple[str, str]:
        """The two ways to name this server in a Host header."""
        return f"{ADDRESS}:{self.server_port}", f"localhost:{self.server_port}"

    @property
    def url(self) -> str:
        """The address of the page; anyone who knows it can use the lab."""
        return f"http://{self.hosts[0]}/{self.token}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            _refuse_busy(request)
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that closed the connection is not an error."""


def _refuse_busy(request: Any) -> None:
    body = f"busy: {MAX_REQUESTS} requests are under way\n".encode()
    head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    try:
        request.settimeout(1.0)
        request.sendall(head.encode() + body)
    except OSError:
        pass  # it is gone


class _Refused(Exception):
    """A request that is not answered: a status and a line that says why."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = TIMEOUT
    server_version, sys_version = "numpy_bert", ""

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the terminal belongs to the user who started the lab."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses, such as a request that is not HTTP: in one line too."""
        self._send(HTTPStatus(code), TEXT, f"{message or HTTPStatus(code).phrase}\n")

    def _answer(self, answer: Callable[[str], tuple[str, str]]) -> None:
        try:
            kind, body = answer(self._name())
            self._send(HTTPStatus.OK, kind, body)
        except _Refused as refused:
            self._send(refused.status, TEXT, f"{refused.reason}\n")
        except Error as error:
            self._send(HTTPStatus.BAD_REQUEST, JSON, json.dumps({"error": str(error)}))
        except OSError:
            self.close_connection = True  # the client went away
        except Exception as error:  # a fault of ours ends this request, not the lab
            self._send(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                TEXT,
                f"a fault of the lab: {type(error).__name__}: {show(str(error))}\n",
            )

    def _name(self) -> str:
        """What the path names after the token, once host, origin and token are right."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if host not in self.server.hosts:
            raise _Refused(HTTPStatus.FORBIDDEN, f"Host: expected {self.server.hosts[0]}, got another")
        if origin is not None and origin not in [f"http://{name}" for name in self.server.hosts]:
            raise _Refused(HTTPStatus.FORBIDDEN, f"Origin: expected http://{self.server.hosts[0]}, got another")
        token, _, name = self.path.removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode()):
            raise _Refused(HTTPStatus.FORBIDDEN, "token: expected the address that numpy-bert lab printed, got another")
        return name

    def _get(self, name: str) -> tuple[str, str]:
        if name == "":
            return HTML, page.render(self.server.session)
        kind, _, number = name.partition("/")
        if kind == "explorer" and number.isascii() and number.isdecimal() and len(number) < 10:
            return HTML, self.server.session.page(int(number))
        raise _Refused(HTTPStatus.NOT_FOUND, "path: expected one of the lab's, got another")

    def _post(self, name: str) -> tuple[str, str]:
        question = api.QUESTIONS.get(name.removeprefix("api/")) if name.startswith("api/") else None
        if question is None:
            raise _Refused(HTTPStatus.NOT_FOUND, "path: expected one of the lab's, got another")
        if self.headers.get_content_type() != JSON:
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: expected {JSON}, got another")
        body = strict_json.load(self._body(), Path("request"), MAX_BODY)
        return JSON, json.dumps(question(self.server.session, body), allow_nan=False)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "Content-Length: expected a number of bytes, got none")
        if len(length) > 9 or int(length) > MAX_BODY:
            self.close_connection = True  # the body is not read
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"body: expected at most {MAX_BODY} bytes, got more")
        body = self.rfile.read(int(length))
        if len(body) != int(length):
            raise _Refused(HTTPStatus.BAD_REQUEST, f"body: expected {int(length)} bytes, got {len(body)}")
        return body

    def _send(self, status: HTTPStatus, kind: str, body: str) -> None:
        data = body.encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "SAMEORIGIN")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
