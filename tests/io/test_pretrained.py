"""Pretrained files: found, fetched once, verified; what a bad network does is told as it is."""

from __future__ import annotations

import hashlib
import http.server
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import ClassVar

import pytest

from action_spotting.errors import UsageError
from action_spotting.io import pretrained
from action_spotting.io.pretrained import PretrainedFile, WeightsUnavailable, find

CONTENT = b"weights of a network" * 100_000
DIGEST = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
PAGE = b"<!DOCTYPE html><title>Log in</title>"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as the path of the address says."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        Handler.asked[self.path] += 1
        getattr(self, self.path.strip("/"))()

    def answer(self, data: bytes, length: object = None, **headers: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def well(self) -> None:
        self.answer(CONTENT)

    def slow(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        for begin in range(0, len(CONTENT), 100_000):
            self.wfile.write(CONTENT[begin : begin + 100_000])
            time.sleep(0.05)

    def gone(self) -> None:
        self.send_error(404)

    def page(self) -> None:
        self.answer(PAGE, Content_Type="text/html")

    def other(self) -> None:
        self.answer(CONTENT[::-1], Content_Type="application/x-hdf5")

    def short(self) -> None:
        self.answer(CONTENT[:5000], len(CONTENT))
        self.close_connection = True

    def no_number(self) -> None:
        self.answer(CONTENT[:-1], "many")
        self.close_connection = True

    def endless(self) -> None:
        self.answer(b"x", 2**50)
        self.close_connection = True

    def reset(self) -> None:
        self.answer(CONTENT[:5000], len(CONTENT))
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.shutdown(socket.SHUT_RD)
        self.connection.close()
        self.close_connection = True

    def silent(self) -> None:
        self.answer(CONTENT[:5000], len(CONTENT))
        time.sleep(2)
        self.close_connection = True

    def chunks(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nhello\r\nzzz\r\n")
        self.close_connection = True

    def no_http(self) -> None:
        self.wfile.write(b"220 smtp ready\r\n")
        self.close_connection = True

    def broken(self) -> None:
        """Breaks off at first; goes on from where it is asked to."""
        begin = int(self.headers.get("Range", "bytes=0-")[6:-1])
        stop = len(CONTENT) if begin else 700_000
        self.send_response(206 if begin else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(CONTENT) - begin))
        self.end_headers()
        self.wfile.write(CONTENT[begin:stop])
        self.close_connection = True

    def packed(self) -> None:
        self.answer(b"no gzip at all", Content_Encoding="gzip")

    def to(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def to_file(self) -> None:
        self.to("file:///etc/passwd")

    def to_ftp(self) -> None:
        self.to("ftp://127.0.0.1/net.h5")

    def to_itself(self) -> None:
        self.to("/to_itself")

    def to_nowhere(self) -> None:
        self.to("http://[")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ACTION_SPOTTING_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setattr(pretrained, "TIMEOUT_S", 1)
    return tmp_path / "cache"


@pytest.fixture
def server():
    """A web server on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.daemon_threads = True
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        Handler.asked.clear()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def test_a_file_is_downloaded_once_and_verified(cache, server):
    assert find(PretrainedFile("net.h5", f"{server}/well", DIGEST)) == cache / "net.h5"
    assert find(PretrainedFile("net.h5", f"{server}/gone", DIGEST)).read_bytes() == CONTENT
    assert [path.name for path in cache.iterdir()] == ["net.h5"]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("gone", "404"),
        ("page", "what came is text/html: md5 is .*, expected"),
        ("other", "what came is application/x-hdf5: md5 is .*, expected"),
        ("short", "1995000 more expected"),
        ("no_number", "md5 is .*, expected"),
        ("endless", "larger than 2147483648 bytes"),
        ("reset", "Connection reset"),
        ("silent", "timed out"),
        ("chunks", "zzz"),
        ("no_http", "220 smtp ready"),
        ("packed", "incorrect header|gzip"),
        ("to_file", "file:///etc/passwd"),
        ("to_ftp", "ftp://127.0.0.1"),
        ("to_itself", "30 redirects"),
        ("to_nowhere", "Invalid|invalid|IPv6"),
    ],
)
def test_what_a_bad_network_does_is_told_as_it_is(how, reason, cache, server):
    file = PretrainedFile("net.h5", f"{server}/{how}", DIGEST)
    with pytest.raises(WeightsUnavailable, match=reason) as told:
        find(file)
    for text in ("free space", "delete it", ".part"):
        assert text not in str(told.value)
    assert f"Fetch {file.url} and put it at {cache / 'net.h5'}" in str(told.value)
    assert not list(cache.iterdir())


@pytest.mark.parametrize("kind", ["right", "wrong"])
def test_a_broken_transfer_goes_on_where_it_was(kind, cache, server):
    file = PretrainedFile("net.h5", f"{server}/broken", DIGEST)
    begun = cache / ".net.h5.partial"
    with pytest.raises(WeightsUnavailable, match="what has come is kept; .*more expected"):
        find(file)
    assert 600_000 < begun.stat().st_size <= 700_000
    if kind == "right":
        assert find(file).read_bytes() == CONTENT
    else:
        begun.write_bytes(b"other bytes")
        with pytest.raises(WeightsUnavailable, match="md5 is .*, expected"):
            find(file)
    assert not begun.exists()


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
def test_a_transfer_goes_on_in_no_file_but_its_own(kind, cache, server, tmp_path):
    notes, begun = tmp_path / "notes", cache / ".net.h5.partial"
    notes.write_text("all that I know")
    cache.mkdir()
    if kind == "link":
        begun.symlink_to(notes)
    elif kind == "hard link":
        begun.hardlink_to(notes)
    else:
        os.mkfifo(begun)
    with pytest.raises(UsageError, match=rf"cannot write .*\.net\.h5\.partial: .*{kind}"):
        find(PretrainedFile("net.h5", f"{server}/well", DIGEST))
    assert notes.read_text() == "all that I know"
    assert [path.name for path in cache.iterdir()] == [begun.name]


def test_a_digest_of_git_s_or_none(cache, server):
    blob = hashlib.sha1(b"blob %d\0%s" % (len(CONTENT), CONTENT)).hexdigest()
    assert find(PretrainedFile("a.h5", f"{server}/well", f"git:{blob}")).exists()
    with pytest.raises(UsageError, match="git is .*, expected 00"):
        find(PretrainedFile("a.h5", f"{server}/well", "git:00"))
    assert find(PretrainedFile("b.h5", f"{server}/well", "")).exists()


def test_without_network_the_error_says_what_to_do(cache):
    file = PretrainedFile("net.h5", "http://127.0.0.1:9/net.h5", DIGEST, "--weights")
    with pytest.raises(WeightsUnavailable, match=r"refused.*Fetch http.*put it at .*--weights"):
        find(file)


@pytest.mark.slow
def test_of_several_processes_one_downloads_and_the_others_wait(cache, server):
    code = f"""
from action_spotting.io.pretrained import PretrainedFile, find
print(len(find(PretrainedFile("net.h5", "{server}/slow", "{DIGEST}")).read_bytes()))
"""
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=os.environ)
        for _ in range(4)
    ]
    assert {process.communicate()[0].strip() for process in running} == {b"2000000"}
    assert Handler.asked == {"/slow": 1}
    assert [path.name for path in cache.iterdir()] == ["net.h5"]


@pytest.mark.slow
def test_of_several_processes_each_tells_the_same_reason(cache, server):
    code = f"""
from action_spotting.io.pretrained import PretrainedFile, WeightsUnavailable, find
try:
    find(PretrainedFile("net.h5", "{server}/page", "{DIGEST}"))
except WeightsUnavailable as error:
    print("text/html" in str(error))
"""
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=os.environ)
        for _ in range(4)
    ]
    assert {process.communicate()[0].strip() for process in running} == {b"True"}
    assert not list(cache.iterdir())


def test_a_damaged_file_in_the_cache_is_not_used(cache):
    cache.mkdir()
    (cache / "net.h5").write_bytes(CONTENT[:-1])
    file = PretrainedFile("net.h5", "http://127.0.0.1:9/net.h5", DIGEST)
    with pytest.raises(UsageError, match="delete it"):
        find(file)


def test_the_folder_that_the_user_names_comes_first(cache, tmp_path):
    for place in (cache, tmp_path / "mine"):
        place.mkdir()
        (place / "net.h5").write_bytes(CONTENT)
    file = PretrainedFile("net.h5", "http://127.0.0.1:9/net.h5", DIGEST)
    assert find(file, tmp_path / "mine").parent.name == "mine"


def test_a_user_without_a_home_is_told_what_to_name(monkeypatch):
    monkeypatch.delenv("ACTION_SPOTTING_WEIGHTS", raising=False)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 123_456_789)
    with pytest.raises(UsageError, match="ACTION_SPOTTING_WEIGHTS"):
        pretrained.cache_folder()
