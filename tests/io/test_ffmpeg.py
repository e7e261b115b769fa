"""The ffmpeg program: what it is told, how far it is, how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from action_spotting.dataset.media import probe
from action_spotting.errors import InputError, UsageError
from action_spotting.io import ffmpeg
from action_spotting.io.ffmpeg import run_ffmpeg
from action_spotting.io.files import whole_file

CLONE = Path(__file__).resolve().parents[2]
LONG = ["-stream_loop", "100000"]


def working_on(folder: Path) -> list[int]:
    """The processes that name a folder on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.fsencode(folder) in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def wait_for(path: Path) -> None:
    ends = time.monotonic() + 60
    while not (path.exists() and path.stat().st_size):
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_progress_grows_to_the_length_of_the_output(tone_video, tmp_path):
    told: list[float] = []
    run_ffmpeg({tone_video: []}, {tmp_path / "out.mkv": ["-c", "copy"]}, tell=told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("name", ["-i.mkv", "http:x.mkv", "concat:a|b.mkv", b"\xff\xfe.mkv", "%d"])
def test_any_name_is_the_name_of_a_file(name, tone_video, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = Path(os.fsdecode(name))
    source.write_bytes(tone_video.read_bytes())
    target = Path(f"{source}.out.mkv")
    run_ffmpeg({source: []}, {target: ["-c", "copy"]})
    assert target.stat().st_size > 10_000
    assert set(Path().iterdir()) == {source, target}


def test_what_ffmpeg_refuses_is_an_error_of_the_input(tone_video, tmp_path):
    source = tmp_path / "in.mkv"
    source.write_bytes(b"no video" * 99)
    with pytest.raises(InputError, match=r"in\.mkv: ffmpeg: .*Invalid data found"):
        run_ffmpeg({source: []}, {tmp_path / "out.mkv": []})
    with pytest.raises(InputError, match=r"tone\.mkv: ffmpeg: .*matches no streams"):
        run_ffmpeg({tone_video: []}, {tmp_path / "out.mkv": ["-map", "0:9"]})


def test_a_pointer_to_other_media_is_not_followed(tone_video, tmp_path):
    (tmp_path / "other.mkv").write_bytes(tone_video.read_bytes())
    source = tmp_path / "in.mkv"
    source.write_bytes(b"ffconcat version 1.0\nfile other.mkv\n")
    with pytest.raises(InputError):
        run_ffmpeg({source: []}, {tmp_path / "out.mkv": ["-c", "copy"]})


def test_a_file_that_cannot_be_written_is_no_error_of_the_input(tone_video, tmp_path):
    target = tmp_path / "out.mkv"
    with (
        pytest.raises(UsageError, match=r"cannot write .*out\.mkv: No space"),
        whole_file(target) as part,
    ):
        part.unlink()
        part.symlink_to("/dev/full")
        run_ffmpeg({tone_video: []}, {part: ["-c", "copy"]})
    assert not list(tmp_path.iterdir())


def test_an_exception_ends_it(tone_video, tmp_path):
    """Ctrl-C is one that comes at any time."""
    target = tmp_path / "out.mkv"

    def interrupt() -> None:
        wait_for(target)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run_ffmpeg({tone_video: LONG}, {target: ["-c", "copy"]})
    assert not working_on(tmp_path)


def test_another_thread_can_end_it(tone_video, tmp_path):
    """A process that leaves without waiting for its threads takes ffmpeg with it."""
    target = tmp_path / "out.mkv"

    def end() -> None:
        wait_for(target)
        ffmpeg.end_all()

    threading.Thread(target=end).start()
    with pytest.raises(InputError, match="tone"):
        run_ffmpeg({tone_video: LONG}, {target: ["-c", "copy"]})
    assert not working_on(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_neither_process_nor_file(number, tone_video, tmp_path):
    code = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(CLONE)!r})
from action_spotting.cli import command
from action_spotting.io.ffmpeg import run_ffmpeg
from action_spotting.io.files import whole_file
def main(argv):
    with whole_file(Path({str(tmp_path / "out.mkv")!r})) as part:
        run_ffmpeg({{Path({str(tone_video)!r}): {LONG!r}}}, {{part: ["-c", "copy"]}}, tell=print)
command.run(main)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as door:
        ends = time.monotonic() + 60
        while not any(path.stat().st_size for path in tmp_path.glob(".out*")):
            assert door.poll() is None
            assert time.monotonic() < ends
            time.sleep(0.02)
        door.send_signal(number)
        _, said = door.communicate(timeout=60)
    assert door.returncode == 130
    assert said.startswith(b"interrupted")
    assert not working_on(tmp_path)
    assert not list(tmp_path.iterdir())


def test_another_program_reads_what_was_written(tone_video, tmp_path):
    run_ffmpeg({tone_video: ["-t", "1"]}, {tmp_path / "out.mp4": ["-c", "copy"]})
    assert probe(tmp_path / "out.mp4").duration_s == pytest.approx(1, abs=0.1)
