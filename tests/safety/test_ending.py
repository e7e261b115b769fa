"""How a command ends: by signals, without memory, without standard streams or a home folder."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from action_spotting.cli.process import plain
from action_spotting.errors import SpottingError
from action_spotting.io.items import run_items

FORCED_END_S = 15
"""What waits here would wait for a minute."""


def run(code: str, shell: str = "", **more) -> subprocess.CompletedProcess:
    """Run Python code as the `main` of a command."""
    whole = f"""
import sys
from action_spotting.cli import command
from action_spotting.errors import SpottingError
def main(argv):
{code}
command.run(main)
"""
    command = [sys.executable, "-c", whole]
    if shell:
        command = ["sh", "-c", f'exec "$@" {shell}', "sh", *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **more)


DEAF = {
    "waits for threads": """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as pool:
    pool.submit(time.sleep, 60)
    print("ready", flush=True)
""",
    "swallows the exception": """
try:
    print("ready", flush=True)
    time.sleep(60)
except BaseException:
    time.sleep(60)
""",
    "turns it into another": """
try:
    print("ready", flush=True)
    time.sleep(60)
except BaseException as error:
    raise SpottingError("a library has failed") from None
""",
}


@pytest.mark.parametrize("how", DEAF)
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_command_whatever_it_does(how, sign, tmp_path):
    lines = DEAF[how].strip().splitlines()
    code = "\n".join(
        [
            "import sys, time",
            "from pathlib import Path",
            "from action_spotting.cli import command",
            "from action_spotting.errors import SpottingError",
            "from action_spotting.io.files import whole_file",
            "from action_spotting.io.locks import claim",
            "def main(argv):",
            "    with claim(Path(sys.argv[1])), whole_file(Path(sys.argv[1])):",
            *("        " + line for line in lines),
            "command.run(main)",
        ]
    )
    command = [sys.executable, "-c", code, tmp_path / "a.npy"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        process.send_signal(sign)
        _, said = process.communicate(timeout=50)
    assert process.returncode == 130
    assert time.monotonic() - began < FORCED_END_S
    assert said == "interrupted; what is finished is kept, the same command goes on\n"
    assert not list(tmp_path.iterdir())


def test_a_command_without_care_goes_on_for_long():
    code = "import time" + DEAF["swallows the exception"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2.5)
        process.kill()


def test_ctrl_c_while_a_command_is_imported_shows_no_traceback():
    code = "import {}; raise KeyboardInterrupt"
    ours, naive = (
        subprocess.run([sys.executable, "-c", code.format(name)], capture_output=True, text=True)
        for name in ("action_spotting.cli", "json")
    )
    assert (ours.returncode, ours.stderr) == (130, "")
    assert "Traceback" in naive.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_change_nothing(closed, tmp_path):
    """A stream that is closed is opened by the next file: what is printed would go into it."""
    target = tmp_path / "a.json"
    code = f"""
    import os
    from pathlib import Path
    from action_spotting.io.files import write_json
    write_json(Path({str(target)!r}), 1)
    print("a line")
    print("a word", file=sys.stderr)
    os.close(os.dup(2))
    raise SpottingError("as it is")
"""
    done = run(code, closed)
    assert done.returncode == 1
    assert target.read_text() == "1\n"
    assert done.stdout == ("" if ">&-" in closed.replace("2>&-", "") else "a line\n")
    assert done.stderr == ("" if "2>&-" in closed else "a word\nerror: as it is\n")


def test_lack_of_memory_is_told_and_is_no_damage():
    code = """
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
    bytes(2**31)
"""
    done = run(code)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: not enough memory (")


def test_lack_of_memory_and_unreadable_files_cost_their_item_only():
    def work(what: BaseException | None) -> tuple[str, None]:
        if what is not None:
            raise what
        return "done", None

    items = {
        "large": MemoryError("Unable to allocate 9 GiB"),
        "locked": PermissionError(13, "Permission denied", "game/1.mkv"),
        "wrong": SpottingError("not a video"),
        "good": None,
    }
    summary = run_items("test", items, work)
    assert summary.done == ["good"]
    assert summary.failures == {
        "large": "not enough memory (Unable to allocate 9 GiB)",
        "locked": "game/1.mkv: Permission denied",
        "wrong": "not a video",
    }
    with pytest.raises(MemoryError):
        run_items("test", items, work, fail_fast=True)


HOSTILE = "a\x1b[2J\x07\x9b1m\rb\u202ec"
SHOWN = "a\\x1b[2J\\x07\\x9b1m\\rb\\u202ec"


def test_names_do_not_command_the_terminal():
    code = f"""
    print({HOSTILE!r}, "\\té\\n", end="")
    print({HOSTILE!r}, file=sys.stderr)
    raise SpottingError({HOSTILE!r})
"""
    done = run(code, env={"PYTHONIOENCODING": "utf-8", "PATH": "/usr/bin"})
    assert done.stdout == f"{SHOWN} \té\n"
    assert done.stderr == f"{SHOWN}\nerror: {SHOWN}\n"
    assert plain(HOSTILE) == SHOWN


def test_progress_bars_still_move():
    code = """
    from tqdm import tqdm
    with tqdm(total=3, desc="outer", disable=False) as bar:
        for _ in tqdm(range(2), desc="inner", disable=False):
            bar.update()
"""
    done = run(code)
    assert "\x1b[A" in done.stderr
    assert "\\x1b" not in done.stderr
    assert "\\r" not in done.stderr


def test_a_user_without_a_home_may_import_everything():
    code = """
import os, pwd, pkgutil, importlib
os.environ.pop("HOME", None)
def nobody(_):
    raise KeyError
pwd.getpwuid = nobody
import action_spotting
for name in ("cli.command", "io.pretrained", "visual.resnet_network", "pipeline.video"):
    importlib.import_module(f"action_spotting.{name}")
from action_spotting.errors import UsageError
from action_spotting.io.files import existing_folder
try:
    existing_folder("~/data", "--soccernet_dirpath")
except UsageError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "~/data: no home folder is known for it; give the whole path\n"
