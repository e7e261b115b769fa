"""Commands over hostile files write nowhere else and speak to no other machine.

`benchmarks/traced.py` runs them all.
"""

import shutil
import sys

import pytest

from .traced import run, trace, untouched

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")

NAIVE = """
import os, socket
open("../outside", "w").close()
os.makedirs("a/b")
open("a/b/inside", "w").close()
os.symlink("../home", "away")
open("away/secret", "a").close()
os.rename("a/b/inside", "../moved")
socket.socket().connect_ex(("127.0.0.1", 9))
"""


def test_what_a_program_without_care_does_is_seen(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    (tmp_path / "home").mkdir()
    found = trace([sys.executable, "-c", NAIVE], place)
    outside = [text.rsplit("/", 1)[1] for text in found.outside]
    assert outside == ["outside", "secret", "moved"]
    assert len(found.sockets) == 1


@pytest.mark.slow
def test_hostile_files_are_read_and_nothing_else(tmp_path, tone_video):
    names = ("extract-audio", "import-head", "evaluate", "report", "export")
    found = dict(run(tmp_path / "place", tone_video, names))
    assert [name for name, trace in found.items() if trace.wrong] == []
    assert tuple(found) == names
    assert untouched(tmp_path / "place")
