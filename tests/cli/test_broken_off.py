"""A run that is ended from outside: what a person reads, and what its failures file holds."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CLONE = Path(__file__).parents[2]
SLOW = """
import sys, time
from action_spotting.audio import extractors
whole = extractors.fft_extractor

def slow(**how):
    made = whole(**how)
    rows = made.rows
    def delayed(stream, target):
        for part in rows(stream, target):
            time.sleep(0.5)
            yield part
    made.rows = delayed
    return made

extractors.fft_extractor = slow
sys.argv = ["action-spotting", *sys.argv[1:]]
from action_spotting.cli.program import main
main()
"""
"""The program, with features of sound that take their time."""


def lines_of(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


@pytest.mark.skipif(os.name != "posix", reason="SIGTERM")
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_failures_are_written_as_they_happen_and_listed_at_the_end(tone_video, tmp_path, ending):
    data = tmp_path / "data"
    for name in ("0", "1"):
        (data / "league" / name).mkdir(parents=True)
    (data / "league" / "0" / "1.mkv").write_bytes(b"no video")
    (data / "league" / "0" / "2.mkv").write_bytes(b"no video")
    (data / "league" / "1" / "1.mkv").symlink_to(tone_video)
    (data / "league" / "1" / "2.mkv").symlink_to(tone_video)
    command = [sys.executable, "-c", SLOW, "extract-audio", "--root_path", str(data)]
    command += ["--features", "FFT", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(CLONE)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, env=environment, text=True, **pipes)
    log, wanted = data / "failures.jsonl", 2
    until = time.monotonic() + 60
    while time.monotonic() < until and len(lines_of(log)) < wanted:
        time.sleep(0.05)
    process.send_signal(ending)
    printed, said = process.communicate(timeout=30)
    assert process.returncode == 130
    lines = [json.loads(line) for line in lines_of(log)]
    assert len(lines) == wanted
    assert {Path(line["item"]).name for line in lines} == {"1_FFT.npy", "2_FFT.npy"}
    assert {line["command"] for line in lines} == {"extract-audio"}
    summary = json.loads(printed)
    assert summary["exit_code"] == 130
    assert len(summary["stages"][0]["failures"]) == wanted
    assert "FFT: 2 failed before the end" in said
    assert "  FAILED   2 times " in said
    assert said.splitlines()[-1].startswith("interrupted; what is finished is kept")
    assert not [line for line in said.splitlines() if line.count(str(data)) > 2]
