"""A hub on the loopback address, for the real client library: the list of files, redirects to large files, ranges.

    with serving({"owner/name": folder}) as hub:
        os.environ["HF_ENDPOINT"] = hub.url

It can fail in the ways that networks do: `hub.cut[file] = n` breaks the next n transfers of a file off in the middle,
`hub.altered[file] = bytes` sends other bytes than were announced, `hub.down = True` answers nothing but errors.
`hub.requests` lists what was asked for. `hub.revisions["v1"] = folder` gives every model a tag.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 4096  # bytes from which a file is kept apart, as by Git LFS


class Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, models: dict[str, Path]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.models = models
        self.revisions: dict[str, Path] = {}
        self.requests: list[str] = []
        self.cut: dict[str, int] = {}
        self.altered: dict[str, bytes] = {}
        self.down = False

    def at(self, name: str, revision: str) -> tuple[Path, str] | None:
        """The folder and the commit of a model at a branch, a tag or a commit; None where there is none."""
        commits = {tag: hashlib.sha1(tag.encode()).hexdigest() for tag in self.revisions}
        folders = {COMMIT: self.models.get(name)} | {commits[tag]: folder for tag, folder in self.revisions.items()}
        commit = COMMIT if revision == "main" else commits.get(revision, revision)
        folder = folders.get(commit)
        return None if folder is None else (folder, commit)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def log_message(self, *_: object) -> None:
        pass

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append(f"{self.command} {path}")
        if self.server.down:
            self.send(503, b"")
        elif path.startswith("/api/models/"):
            self.listing(path.removeprefix("/api/models/"))
        elif result := re.fullmatch(r"/(.+)/resolve/([^/]+)/(.+)", path):
            self.file(*result.groups())
        elif result := re.fullmatch(r"/large/([^/]+)/(.+?)/-/(.+)", path):
            commit, name, file = result.groups()
            folder, _ = self.server.at(name, commit) or (Path("/nonexistent"), COMMIT)
            self.content(folder / file, file)
        else:
            self.send(404, b"")

    def listing(self, name: str) -> None:
        name, _, revision = name.partition("/revision/")
        if name not in self.server.models:
            self.send(404, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})
            return
        found = self.server.at(name, revision or "main")
        if found is None:
            self.send(404, b'{"error": "Invalid rev id"}', {"X-Error-Code": "RevisionNotFound"})
            return
        folder, commit = found
        siblings = []
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            data = path.read_bytes()
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            file = {"rfilename": path.relative_to(folder).as_posix(), "size": len(data), "blobId": blob}
            if len(data) >= LARGE:
                file["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
            siblings.append(file)
        body = {"id": name, "modelId": name, "sha": commit, "siblings": siblings, "private": False, "tags": []}
        self.send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def file(self, name: str, revision: str, file: str) -> None:
        folder, commit = self.server.at(name, revision) or (Path("/nonexistent"), COMMIT)
        path = folder / file
        if not path.is_file():
            self.send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
            return
        data = path.read_bytes()
        if len(data) < LARGE:
            etag = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            self.content(path, file, {"X-Repo-Commit": commit, "ETag": f'"{etag}"'})
            return
        linked = {
            "X-Repo-Commit": commit,
            "X-Linked-Size": str(len(data)),
            "X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"',
            "Location": f"http://localhost:{self.server.server_port}/large/{commit}/{name}/-/{file}",
        }
        self.send(302, b"", linked)

    def content(self, path: Path, file: str, headers: dict[str, str] | None = None) -> None:
        data = self.server.altered.get(file, path.read_bytes())
        headers = dict(headers or {}) | {"Accept-Ranges": "bytes"}
        status, start = 200, 0
        if wanted := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            status, start = 206, int(wanted[1])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        body = data[start:]
        if self.command == "GET" and self.server.cut.get(file, 0) > 0:
            self.server.cut[file] -= 1
            self.send(status, body, headers, only=len(body) // 2)
            self.close_connection = True
            return
        self.send(status, body, headers)

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None, only: int | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[:only])


@contextlib.contextmanager
def serving(models: dict[str, Path]) -> Iterator[Hub]:
    with Hub(models) as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
