import hashlib
import http.server
import threading

import pytest

from action_spotting.errors import UsageError
from action_spotting.io import pretrained

CONTENT = b"weights of a network" * 1000
DIGEST = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ACTION_SPOTTING_WEIGHTS", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def server(tmp_path):
    """A web server on this machine that publishes one file."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "net.h5").write_bytes(CONTENT)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args, **more):
            super().__init__(*args, directory=str(tmp_path / "www"), **more)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def test_a_file_is_downloaded_once_and_verified(cache, server):
    file = pretrained.PretrainedFile("net.h5", f"{server}/net.h5", DIGEST)
    assert pretrained.find(file) == cache / "net.h5"
    gone = pretrained.PretrainedFile("net.h5", f"{server}/gone", DIGEST)
    assert pretrained.find(gone).read_bytes() == CONTENT


def test_a_download_with_another_checksum_is_not_kept(cache, server):
    file = pretrained.PretrainedFile("net.h5", f"{server}/net.h5", "sha256:" + "0" * 64)
    with pytest.raises(UsageError, match="sha256 is .*, expected 000"):
        pretrained.find(file)
    assert list(cache.iterdir()) == []


def test_without_network_the_error_says_what_to_do(cache):
    file = pretrained.PretrainedFile("net.h5", "http://127.0.0.1:9/net.h5", DIGEST, "--weights")
    with pytest.raises(pretrained.WeightsUnavailable, match=r"Fetch http.*put it at .*--weights"):
        pretrained.find(file)


def test_a_damaged_file_in_the_cache_is_not_used(cache):
    cache.mkdir()
    (cache / "net.h5").write_bytes(CONTENT[:-1])
    file = pretrained.PretrainedFile("net.h5", "http://127.0.0.1:9/net.h5", DIGEST)
    with pytest.raises(UsageError, match="delete it"):
        pretrained.find(file)


def test_the_folder_that_the_user_names_comes_first(cache, tmp_path):
    for place in (cache, tmp_path / "mine"):
        place.mkdir()
        (place / "net.h5").write_bytes(CONTENT)
    file = pretrained.PretrainedFile("net.h5", "http://127.0.0.1:9/net.h5", DIGEST)
    assert pretrained.find(file, tmp_path / "mine").parent.name == "mine"
