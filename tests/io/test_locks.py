"""Claims: one process at a time makes a file, whatever dies and whatever the clocks say."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from action_spotting.errors import UsageError
from action_spotting.io import locks
from action_spotting.io.locks import InWork, claim, claim_path, holder_of

HOLD = """
import sys, time
from pathlib import Path
from action_spotting.io.locks import claim
with claim(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
RACE = """
import sys, time
from pathlib import Path
from action_spotting.io.locks import InWork, claim
folder, begin = Path(sys.argv[1]), float(sys.argv[2])
time.sleep(max(0, begin - time.monotonic()))
for number in range(int(sys.argv[3])):
    target = folder / f"{number}_X.npy"
    try:
        with claim(target):
            if not target.exists():
                print(number, flush=True)
                time.sleep(0.002)
                target.touch()
    except InWork:
        pass
"""


@pytest.fixture
def target(tmp_path):
    return tmp_path / "game" / "1_X.npy"


@pytest.fixture
def kernel(tmp_path):
    """What this machine writes of itself into a claim."""
    with claim(tmp_path / "own"):
        return holder_of(tmp_path / "own").kernel


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(locks, "SILENT_S", 0.2)
    monkeypatch.setattr(locks, "SETTLE_S", 0.05)
    monkeypatch.setattr(locks, "EMPTY_S", 0.1)


@pytest.fixture
def other_process(target):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, target], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def forge(target, *, age_s=0.0, **changes):
    """Leave the claim of another machine."""
    target.parent.mkdir(exist_ok=True)
    name = {"host": "node7", "pid": 4, "since": "then", "kernel": "other", "run": "", **changes}
    claim_path(target).write_text(json.dumps(name))
    touch(target, age_s)


def touch(target, age_s):
    os.utime(claim_path(target), (time.time() - age_s,) * 2)


def test_a_claim_names_its_holder_and_goes_away_with_success_and_failure(target):
    with claim(target):
        assert holder_of(target).pid == os.getpid()
        told = rf"in work elsewhere \(.+, process {os.getpid()}, since"
        with pytest.raises(InWork, match=told), claim(target):
            pass
    with pytest.raises(ZeroDivisionError), claim(target):
        raise ZeroDivisionError
    assert list(target.parent.iterdir()) == []
    assert holder_of(target) is None


def test_a_living_holder_keeps_its_claim_however_old_it_looks(target, other_process):
    touch(target, age_s=1e6)
    with pytest.raises(InWork, match=f"process {other_process.pid}"), claim(target):
        pass
    assert claim_path(target).exists()


def test_what_a_killed_process_left_is_taken_over_at_once(target, other_process):
    other_process.kill()
    other_process.wait()
    assert claim_path(target).exists()
    began = time.monotonic()
    with claim(target):
        assert holder_of(target).pid == os.getpid()
    assert time.monotonic() - began < locks.SETTLE_S
    assert list(target.parent.iterdir()) == []


def test_a_terminated_holder_of_the_same_number_does_not_count(target, kernel):
    forge(target, kernel=kernel, pid=os.getpid(), host="here")
    with claim(target):
        pass
    assert not claim_path(target).exists()


def test_the_fresh_claim_of_another_machine_is_respected_without_waiting(target):
    forge(target)
    began = time.monotonic()
    with pytest.raises(InWork, match="node7, process 4"), claim(target):
        pass
    assert time.monotonic() - began < locks.SETTLE_S
    assert holder_of(target).host == "node7"


@pytest.mark.parametrize("age_s", [1e4, -1e4])
def test_a_silent_claim_of_another_machine_is_taken_over_whatever_the_clock(
    target, impatient, age_s
):
    forge(target, age_s=age_s)
    with claim(target):
        assert holder_of(target).pid == os.getpid()
    assert list(target.parent.iterdir()) == []


def test_a_clock_that_jumped_does_not_cost_a_living_claim(target, monkeypatch):
    monkeypatch.setattr(locks, "SILENT_S", 2.0)
    forge(target, age_s=1e4)
    beat = threading.Timer(0.5, touch, (target, 1e4 - 10))
    beat.start()
    with pytest.raises(InWork, match="node7"), claim(target):
        pass
    beat.join()


def test_a_run_takes_over_from_its_own_dead_workers_without_waiting_long(target, impatient):
    forge(target, run="a")
    with pytest.raises(InWork), claim(target, run="b"):
        pass
    with claim(target, run="a"):
        pass
    assert not claim_path(target).exists()


def test_a_claim_whose_maker_died_before_it_wrote_its_name_is_taken_over(target, impatient):
    target.parent.mkdir()
    claim_path(target).touch()
    with claim(target):
        pass
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff" * 2000, b'{"host": 1}'])
def test_a_claim_that_is_none_is_taken_over_when_it_is_old(target, impatient, content):
    target.parent.mkdir()
    claim_path(target).write_bytes(content)
    with pytest.raises(InWork), claim(target):
        pass
    touch(target, 1e4)
    with claim(target):
        pass
    assert list(target.parent.iterdir()) == []


def test_the_beat_goes_on_while_the_claim_is_held(target, monkeypatch):
    monkeypatch.setattr(locks, "BEAT_S", 0.02)
    with claim(target):
        touch(target, 1e4)
        limit = time.monotonic() + 5
        while time.time() - claim_path(target).stat().st_mtime > 100:
            assert time.monotonic() < limit
            time.sleep(0.01)


def test_a_claim_that_another_has_taken_over_is_not_taken_from_it(target):
    with claim(target):
        forge(target)
    assert holder_of(target).host == "node7"


def test_of_two_takers_the_last_to_write_its_name_has_the_claim(target, monkeypatch):
    monkeypatch.setattr(locks, "SILENT_S", 0.05)
    monkeypatch.setattr(locks, "SETTLE_S", 1.5)
    forge(target, age_s=1e4)
    other = threading.Timer(0.7, lambda: forge(target, host="node8"))
    other.start()
    with pytest.raises(InWork, match="node8"), claim(target):
        pass
    other.join()


@pytest.mark.parametrize("age_s", [0, 1e4])
def test_where_there_are_no_locks_names_and_beats_tell(
    target, impatient, monkeypatch, age_s, kernel
):
    monkeypatch.setattr(locks, "lock", lambda handle, wait=False: None)
    with claim(target), pytest.raises(InWork, match=str(os.getpid())), claim(target):
        pass
    forge(target, kernel=kernel, age_s=age_s)
    if age_s:
        with claim(target):
            assert holder_of(target).pid == os.getpid()
    else:
        with pytest.raises(InWork, match="node7"), claim(target):
            pass


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot write"), claim(tmp_path / "file" / "1_X.npy"):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("stale", [False, True])
def test_of_many_processes_one_makes_each_file(tmp_path, stale, kernel):
    number = 100
    if stale:
        for i in range(number):
            forge(tmp_path / f"{i}_X.npy", kernel=kernel)
    begin = str(time.monotonic() + 2)
    command = [sys.executable, "-c", RACE, tmp_path, begin, str(number)]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
        for _ in range(8)
    ]
    made = Counter(line for process in running for line in process.communicate()[0].split())
    assert made == {str(i): 1 for i in range(number)}
    assert not list(tmp_path.glob("*.claim"))


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_neither_claim_nor_part(tmp_path, sign):
    code = """
import sys, time
from pathlib import Path
from action_spotting.cli import command
from action_spotting.io.locks import claim
from action_spotting.io.items import run_items
from action_spotting.io.files import whole_file

def main(argv):
    def work(path):
        with claim(path), whole_file(path) as part:
            part.write_text("half")
            time.sleep(60)
    run_items("test", {n: Path(sys.argv[1]) / n for n in "abc"}, work, workers=3)

command.run(main)
"""
    process = subprocess.Popen([sys.executable, "-c", code, tmp_path])
    limit = time.monotonic() + 20
    while len(list(tmp_path.iterdir())) < 6:
        assert time.monotonic() < limit
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(sign)
    assert process.wait(10) == 130
    assert list(tmp_path.iterdir()) == []
