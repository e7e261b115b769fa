"""Nothing that we write follows a link, and what lies at an output's place is never destroyed."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from action_spotting.cli.run_log import LOG_FILE, log_run
from action_spotting.errors import SpottingError, UsageError
from action_spotting.io.files import clear_parts, whole_file, write_json
from action_spotting.io.locks import claim, claim_path

PRECIOUS = "all that I know"


@pytest.fixture
def notes(tmp_path) -> Path:
    """A file of the user's outside the folder that is worked in, an hour old."""
    path = tmp_path / "home" / "notes.txt"
    path.parent.mkdir()
    path.write_text(PRECIOUS)
    os.utime(path, (path.stat().st_mtime - 3600,) * 2)
    return path


@pytest.fixture
def folder(tmp_path) -> Path:
    """The folder that is worked in."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def naive_write(path: Path) -> None:
    """Write by one fixed temporary name, as one does without care."""
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    part.write_text("new")
    part.replace(path)


def naive_claim(target: Path) -> None:
    """Open a claim as it is, and write one's name into it."""
    handle = os.open(claim_path(target), os.O_RDWR)
    os.write(handle, b"me")
    os.close(handle)


def naive_log(folder: Path) -> None:
    """Add a line."""
    with (folder / LOG_FILE).open("a") as handle:
        handle.write("a line\n")


def hold(target: Path) -> None:
    """Claim a file and give it back."""
    with claim(target):
        pass


CASES: dict[str, tuple[str, Callable[[Path], None], Callable[[Path], None]]] = {
    "temporary file": (
        ".a.part.json",
        lambda folder: write_json(folder / "a.json", 1),
        lambda folder: naive_write(folder / "a.json"),
    ),
    "claim": (
        "a.json.claim",
        lambda folder: hold(folder / "a.json"),
        lambda folder: naive_claim(folder / "a.json"),
    ),
    "log of runs": (LOG_FILE, lambda folder: log_run(folder, "train", []), naive_log),
}
"""What lies in a folder by a name known before, who opens it, and who does so without care."""


@pytest.mark.parametrize("case", CASES)
def test_no_link_leads_us_to_another_file(case, folder, notes):
    name, ours, naive = CASES[case]
    (folder / name).symlink_to(notes)
    with contextlib.suppress(SpottingError):
        ours(folder)
    assert notes.read_text() == PRECIOUS
    if case != "temporary file":
        with pytest.raises(UsageError, match=f"{name}: a link lies there"):
            ours(folder)
    naive(folder)
    assert notes.read_text() != PRECIOUS


@pytest.mark.parametrize("case", ["claim", "log of runs"])
def test_a_file_that_has_another_name_too_is_not_written_in_place(case, folder, notes):
    name, ours, naive = CASES[case]
    (folder / name).hardlink_to(notes)
    with pytest.raises(UsageError, match="hard link"):
        ours(folder)
    assert notes.read_text() == PRECIOUS
    naive(folder)
    assert notes.read_text() != PRECIOUS


@pytest.mark.parametrize("case", ["claim", "log of runs"])
@pytest.mark.parametrize("kind", ["dangling link", "pipe", "folder"])
def test_what_is_no_file_of_ours_is_named_and_not_waited_for(kind, case, folder):
    name, ours, _ = CASES[case]
    make(folder / name, kind)
    with pytest.raises(UsageError, match=f"cannot write .*{name}"):
        ours(folder)
    assert [path.name for path in folder.iterdir()] == [name]


def make(path: Path, kind: str) -> None:
    """Put something there that is no plain file."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path.parent / "nowhere")


@pytest.mark.parametrize("kind", ["dangling link", "pipe", "folder"])
def test_an_output_that_is_no_plain_file_is_refused_and_stays(kind, folder):
    path = folder / "a.json"
    make(path, kind)
    before = path.lstat()
    with pytest.raises(UsageError, match=r"a\.json: a .* lies there"):
        write_json(path, 1)
    assert path.lstat() == before
    assert list(folder.iterdir()) == [path]
    if kind == "pipe":
        naive_write(path)
        assert path.is_file()


def test_devices_are_no_outputs():
    with pytest.raises(UsageError, match="/dev/null: a pipe or a device lies there"):
        write_json(Path("/dev/null"), 1)


def test_a_link_to_a_file_is_no_output(folder, notes):
    (folder / "a.json").symlink_to(notes)
    with pytest.raises(UsageError, match="a link lies there"):
        write_json(folder / "a.json", 1)
    assert notes.read_text() == PRECIOUS


def test_temporary_names_cannot_be_foreseen_nor_taken(folder, notes, monkeypatch):
    """Not even who knows the random number gets more than an error."""
    monkeypatch.setattr(secrets, "token_hex", lambda size: "0" * 2 * size)
    (folder / ".a.part-00000000.json").symlink_to(notes)
    with pytest.raises(UsageError, match=r"cannot write .*a\.json: File exists"):
        write_json(folder / "a.json", 1)
    assert notes.read_text() == PRECIOUS


def test_errors_of_the_work_are_not_taken_for_those_of_the_file(folder):
    for error in (ConnectionResetError("by peer"), TimeoutError("slow"), FileNotFoundError(2, "x")):
        with pytest.raises(type(error)) as raised, whole_file(folder / "a.json"):
            raise error
        assert raised.value is error
    assert not list(folder.iterdir())


def test_what_another_process_is_writing_is_not_cleared_away(folder):
    with whole_file(folder / "a.json") as part:
        code = f"""
from pathlib import Path
from action_spotting.io.files import write_json
write_json(Path({str(folder / "a.json")!r}), "theirs")
"""
        subprocess.run([sys.executable, "-c", code], check=True)
        clear_parts(folder / "a.json")
        assert json.loads((folder / "a.json").read_text()) == "theirs"
        part.write_text('"mine"')
    assert [path.name for path in folder.iterdir()] == ["a.json"]
    assert json.loads((folder / "a.json").read_text()) == "mine"


def test_what_a_killed_process_was_writing_is_cleared_away(folder):
    code = f"""
import os
from pathlib import Path
from action_spotting.io.files import whole_file
with whole_file(Path({str(folder / "a.json")!r})) as part:
    part.write_text("half")
    os._exit(9)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    (left,) = folder.iterdir()
    assert left.read_text() == "half"
    write_json(folder / "a.json", 1)
    assert [path.name for path in folder.iterdir()] == ["a.json"]


WRITE = """
import sys
from pathlib import Path
{definition}
for i in range(200):
    write(Path(sys.argv[1]), [i] * 2000)
"""
OURS = "from action_spotting.io.files import write_json as write"
NAIVE = """
import json
def write(path, content):
    part = path.with_name(".a.part.json")
    part.write_text(json.dumps(content))
    part.replace(path)
"""


@pytest.mark.slow
@pytest.mark.parametrize("definition", [OURS, NAIVE], ids=["ours", "naive"])
def test_of_two_writers_no_reader_sees_a_broken_file(definition, folder):
    path = folder / "a.json"
    path.write_text("[]")
    command = [sys.executable, "-c", WRITE.format(definition=definition), path]
    writers = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(3)]
    broken = 0
    while any(writer.poll() is None for writer in writers):
        try:
            json.loads(path.read_text())
        except ValueError:
            broken += 1
    ended = [writer.wait() for writer in writers]
    if definition is OURS:
        assert not broken
        assert ended == [0, 0, 0]
        assert [p.name for p in folder.iterdir()] == ["a.json"]
    else:
        assert broken or ended != [0, 0, 0]
