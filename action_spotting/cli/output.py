"""What a command says, and where: its log, its failures file, its summary as JSON.

Results go to standard output, all else to standard error. While a command runs, what becomes of
each item is taken from the library's log (`action_spotting.io.items.note`); so a run that is ended
from outside still tells what failed. A command adds to its JSON with `add`, and needs no more.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import socket
import sys
import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from action_spotting import __version__
from action_spotting.cli import process
from action_spotting.errors import SpottingError, UsageError, worded

FAILURES_FILE = "failures.jsonl"
ALIKE = 3
"""So many failures of one reason are shown as they happen; the file has them all."""

NORMAL, QUIET, VERBOSE = "normal", "quiet", "verbose"
_LOGGER = logging.getLogger("action_spotting")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what every command takes: how much it says, and in what form."""
    parser.set_defaults(loudness=NORMAL)
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument(
        "--quiet",
        action="store_const",
        dest="loudness",
        const=QUIET,
        default=argparse.SUPPRESS,
        help="print nothing but errors",
    )
    loudness.add_argument(
        "--verbose",
        action="store_const",
        dest="loudness",
        const=VERBOSE,
        default=argparse.SUPPRESS,
        help="settings, every item with what becomes of it, and where an error comes from",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print nothing on standard output but the summary, one JSON object",
    )


class _Run:
    """The command that runs in this process: what it has said and met so far."""

    def __init__(self) -> None:
        self.command = ""
        self.loudness = NORMAL
        self.json = False
        self.out: TextIO = sys.stdout
        self.began = time.monotonic()
        self.stages: dict[str, dict[str, Any]] = {}
        self.results: dict[str, Any] = {}
        self.error: str | None = None
        self.folders: list[Path] = []
        self.waiting: list[bytes] = []

    @property
    def failures(self) -> dict[str, dict[str, str]]:
        """Of each stage, why items failed."""
        return {name: kept["failed"] for name, kept in self.stages.items() if kept["failed"]}

    def take_down(self, stage: str, item: str, state: str, text: str) -> None:
        """Note what became of an item."""
        empty: dict[str, Any] = {"done": [], "skipped": []}
        empty |= {"elsewhere": {}, "warning": {}, "failed": {}}
        kept = self.stages.setdefault(stage, empty)[state]
        if isinstance(kept, list):
            kept.append(item)
        else:
            kept[item] = text
        if state == "failed":
            self.write_failure({"stage": stage, "item": item, "reason": text})

    def write_failure(self, what: Mapping[str, str | None]) -> None:
        """Write a failure into the files of the run's folders, as soon as they are known."""
        when = datetime.now(UTC).isoformat(timespec="seconds")
        line = {"time": when, "host": socket.gethostname(), "process": os.getpid()}
        line |= {"command": self.command, **what}
        self.waiting.append(json.dumps(line).encode() + b"\n")
        self.write_waiting()

    def write_waiting(self) -> None:
        """Write what waits for a folder to be known."""
        from action_spotting.io.files import append_line

        if self.folders:
            lines, self.waiting = self.waiting, []
            for folder in list(self.folders):
                try:
                    for line in lines:
                        append_line(folder / FAILURES_FILE, line)
                except UsageError as error:  # such as a full disk: the run itself goes on
                    self.folders.remove(folder)
                    print(f"failures are not kept: {error}", file=sys.stderr)

    def to_json(self, code: int) -> dict[str, Any]:
        """Give the summary."""
        names = {"warning": "warnings", "failed": "failures"}
        stages = [
            {"stage": stage, **{names.get(state, state): kept for state, kept in states.items()}}
            for stage, states in self.stages.items()
        ]
        return {
            "command": self.command,
            "version": __version__,
            "exit_code": code,
            "error": self.error,
            "seconds": round(time.monotonic() - self.began, 3),
            "stages": stages,
            **self.results,
        }


class _Journal(logging.Handler):
    """Takes down what becomes of items."""

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if event:
            _run.take_down(event.stage, event.item, event.state, event.text)


class _Console(logging.Handler):
    """Shows the log on standard error; of failures that are alike the first few."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.terminal = sys.stderr.isatty()
        self.alike: Counter[tuple[str, str, str]] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.words(record)
            if not text:
                return
            if self.terminal:
                from tqdm import tqdm

                tqdm.write(text, file=sys.stderr)
            else:
                print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)
        except (OSError, ValueError):  # nobody reads any more; the work goes on
            self.setLevel(logging.CRITICAL)

    def words(self, record: logging.LogRecord) -> str:
        """Word a record; empty: it is not shown."""
        from action_spotting.io.reasons import kind

        event, text = getattr(record, "event", None), record.getMessage()
        if event is None or not event.text or record.levelno < logging.WARNING:
            return text
        key = event.stage, event.state, kind(event.item, event.text)
        self.alike[key] += 1
        if self.alike[key] > ALIKE + 1:
            return ""
        more = f"{event.stage}: more of this kind are not shown one by one"
        return text if self.alike[key] <= ALIKE else more


_run = _Run()
_in_charge = False


def take_charge() -> None:
    """Let this process be one command: from now on its options for output hold."""
    global _in_charge
    _in_charge = True
    process.at_end = end


def begin(command: str, options: argparse.Namespace) -> None:
    """Set up what the options for output ask for, where this process is one command."""
    _run.command = command
    if not _in_charge:
        return
    _run.loudness, _run.json, _run.out = options.loudness, options.json, sys.stdout
    if options.json or options.loudness == QUIET:
        sys.stdout = open(os.devnull, "w", errors="replace")  # noqa: PTH123, SIM115
    level = logging.WARNING if sys.stderr.isatty() else logging.INFO
    if options.loudness == QUIET:
        level = logging.ERROR
        os.environ["TQDM_DISABLE"] = os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
        warnings.simplefilter("ignore")
    elif options.loudness == VERBOSE:
        level = logging.DEBUG
    _LOGGER.setLevel(logging.DEBUG)
    _LOGGER.propagate = False
    _LOGGER.addHandler(_Journal())
    _LOGGER.addHandler(_Console(level))


def add(**results: Any) -> None:
    """Add results of the command to its JSON: anything that `json` can write, or paths."""
    _run.results |= results


def keep_failures(folder: Path) -> None:
    """Write failures, those met so far included, into ``failures.jsonl`` of `folder` too."""
    if _in_charge and folder not in _run.folders:
        _run.folders.append(folder)
        _run.write_waiting()


def is_verbose() -> bool:
    """Tell whether ``--verbose`` is given."""
    return _run.loudness == VERBOSE


def refuse(command: str, words: Sequence[str], message: str) -> None:
    """Note that the command line is wrong, before its options could be read."""
    _run.command = command
    _run.json = _run.json or (_in_charge and "--json" in words)
    _run.error = message


def failed(error: BaseException) -> None:
    """Note what ended the command, and print it where it is no defect; else it is raised again."""
    _run.error = worded(error) if isinstance(error, Exception) else str(error)
    if isinstance(error, SpottingError):
        text = f"error: {error}"
    elif isinstance(error, OSError | MemoryError):  # the disk or the system refuses
        text = f"error: {worded(error)}; what is finished is kept"
    else:
        raise error
    if _run.loudness == VERBOSE:
        import traceback

        traceback.print_exception(error)
    print(text, file=sys.stderr)
    _run.write_failure({"stage": None, "item": None, "reason": _run.error})


def end(code: int) -> None:
    """Say at the end what was not said: failures of a run that broke off, where all are, JSON."""
    from action_spotting.io.reasons import grouped

    if code not in (0, 3) and _run.loudness != QUIET:
        for stage, reasons in _run.failures.items():
            print(f"{stage}: {len(reasons)} failed before the end", file=sys.stderr)
            for line in grouped(reasons):
                print(f"  FAILED   {line}", file=sys.stderr)
    files = [str(folder / FAILURES_FILE) for folder in _run.folders] if _run.failures else []
    if _run.json:
        print(
            json.dumps(_run.to_json(code) | {"failures_files": files}, default=_plain),
            file=_run.out,
        )
        _run.out.flush()
    elif files and _run.loudness != QUIET:
        print("each failure with its time:", *files, file=sys.stderr)


def _plain(value: Any) -> Any:
    """Give what `json` does not know: a NumPy number as it is, all else by its name."""
    return value.item() if hasattr(value, "item") else str(value)


def drop() -> None:
    """Give up standard output, whose reader has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
