"""A server on this machine that speaks as much of Hugging Face's protocol as downloads need."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

SHA = "0123456789abcdef0123456789abcdef01234567"


class HubServer(ThreadingHTTPServer):
    """Serves ``files``: ``{(repository, branch): {path: content}}``.

    Attributes
    ----------
    refuse
        By repository: status, headers of every answer about it.
    cut
        Paths whose first answer ends halfway.
    false
        Paths of which other bytes are sent than are listed, of the same number.
    requests
        Ranges asked for, by path.
    """

    daemon_threads = True

    def __init__(self, files) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.refuse: dict[str, tuple[int, dict[str, str]]] = {}
        self.cut: set[str] = set()
        self.false: set[str] = set()
        self.requests: dict[str, list[str | None]] = {}
        self.calls = Counter()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def hub_server(files) -> Iterator[HubServer]:
    with HubServer(files) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        api = parts[0] == "api"
        repository = "/".join(parts[2:4] if api else parts[1:3])
        if repository in self.server.refuse:
            status, headers = self.server.refuse[repository]
            self._send(status, b'{"error": "refused"}', headers)
        elif not any(known == repository for known, _ in self.server.files):
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif api:
            self._api(repository, parts[4], parts[5])
        else:
            self._file(repository, parts[4], "/".join(parts[5:]), body=body)

    def _branch(self, repository: str, name: str):
        """A branch by its name, or by its commit: the SHA with the branch's number at its end."""
        branches = [branch for known, branch in self.server.files if known == repository]
        if name in branches:
            return name
        return next((b for i, b in enumerate(branches) if name == f"{SHA[:-2]}{i:02d}"), None)

    def _commit(self, repository: str, branch: str) -> str:
        branches = [known for of, known in self.server.files if of == repository]
        return f"{SHA[:-2]}{branches.index(branch):02d}"

    def _api(self, repository: str, kind: str, revision: str) -> None:
        branch = self._branch(repository, revision)
        if branch is None:
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            return
        files = self.server.files[repository, branch]
        self.server.calls[kind] += 1
        content: object = {"id": repository, "sha": self._commit(repository, branch)}
        if kind == "tree":
            content = [{"type": "directory", "path": "l", "oid": "0"}]
            content += [_listed(path, files[path]) for path in files]
        self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _file(self, repository: str, revision: str, path: str, *, body: bool) -> None:
        branch = self._branch(repository, revision)
        content = self.server.files[repository, branch].get(path)
        if content is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        headers = {"ETag": f'"{_etag(content)}"', "X-Repo-Commit": self._commit(repository, branch)}
        headers["Accept-Ranges"] = "bytes"
        if not body:
            self._send(200, content, headers, body=False)
            return
        asked = self.headers.get("Range")
        self.server.requests.setdefault(path, []).append(asked)
        if path in self.server.false:
            content = bytes(byte ^ 1 for byte in content)
        start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._send(206 if start else 200, content[start:], headers, cut=path in self.server.cut)
        self.server.cut.discard(path)

    def _send(self, status, content, headers, *, body=True, cut=False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        if cut:
            self.send_header("Connection", "close")
        self.end_headers()
        if body and self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.close_connection = True


def _large(content: bytes) -> bool:
    return len(content) > 1000


def _blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _etag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest() if _large(content) else _blob(content)


def _listed(path: str, content: bytes) -> dict:
    entry = {"type": "file", "path": path, "size": len(content), "oid": _blob(content)}
    if _large(content):
        sha = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": sha, "size": len(content), "pointerSize": 130}
    return entry
