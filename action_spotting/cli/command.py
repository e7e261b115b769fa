"""What every door shares: help that reads well, exit codes, the list of failed items.

Imports nothing heavy, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from action_spotting.cli import process
from action_spotting.dataset.media import LONGEST_S
from action_spotting.errors import SpottingError, worded
from action_spotting.io.files import expanded

PUBLISHED = ("imagenet", "audioset", "random")
"""What ``--weights`` takes besides paths."""


class _Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Defaults in every help text; description and example as they are written."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False, [], (), argparse.SUPPRESS) or not action.option_strings:
            return action.help
        if isinstance(action.default, list):
            return f"{action.help} (default: {' '.join(map(str, action.default))})"
        return super()._get_help_string(action)


def parser(description: str, example: str) -> argparse.ArgumentParser:
    """Make a door's argument parser: `description` on top, `example` at the end of the help."""
    return argparse.ArgumentParser(
        description=description, epilog=f"example:\n  {example}", formatter_class=_Formatter
    )


def run(main: Callable[[Sequence[str] | None], int]) -> None:
    """Run a command's ``main(argv) -> exit code`` and leave the process with that code.

    A `SpottingError` is printed as one sentence, as is what the system refuses; Ctrl-C and SIGTERM
    say how to go on.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    process.prepare()
    try:
        code = main(None)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - it is told, or raised again
        code = 1 if process.interrupted() else _tell(error)
    if process.interrupted():
        process.end()
    sys.exit(code)


def _tell(error: BaseException) -> int:
    """Word what ended a command, if a user can put it right; give the exit code."""
    if isinstance(error, SpottingError):
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if isinstance(error, OSError | MemoryError):  # the disk or the system refuses: no defect
        print(f"error: {worded(error)}; what is finished is kept", file=sys.stderr)
        return 1
    raise error


def add_many_machines(parser: argparse.ArgumentParser) -> None:
    """Add the options with which several machines share the work."""
    group = parser.add_argument_group("many machines")
    group.add_argument(
        "--shard", type=shard, default=(1, 1), metavar="I/N", help="part I of N, for a job array"
    )
    add_scheduler(group)


def add_scheduler(group: argparse._ArgumentGroup) -> None:
    """Add ``--scheduler``."""
    group.add_argument(
        "--scheduler",
        type=_scheduler,
        metavar="ADDRESS",
        help="let the workers of a Dask cluster do it, such as tcp://node1:8786; all machines must "
        "see the dataset under the same path",
    )


def _scheduler(text: str) -> str:
    if not re.fullmatch(r"[a-z]+://.+:\d+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as tcp://node1:8786")
    return text


def add_fail_fast(group: argparse._ArgumentGroup) -> None:
    """Add ``--fail_fast``."""
    group.add_argument(
        "--fail_fast",
        action="store_true",
        help="stop at the first item that fails, instead of listing it at the end",
    )


def add_rate(group: argparse._ArgumentGroup) -> None:
    """Add ``--rate``."""
    group.add_argument(
        "--rate",
        nargs="+",
        default=[],
        metavar="NAME=FPS[+OFFSET][:nearest]",
        help="rows a second of a feature whose record and name do not tell them, and the time of "
        "its first row, s; they are resampled to --fps, linearly or by the nearest row",
    )


def make_absolute(options: argparse.Namespace, *names: str) -> None:
    """Make the paths among the options absolute, for workers that run in folders of their own."""
    for name in names:
        path = getattr(options, name)
        if path is not None and str(path) not in PUBLISHED:
            setattr(options, name, type(path)(expanded(path).absolute()))


def shard(text: str) -> tuple[int, int]:
    """Parse ``I/N``: part I of N, counted from 1 (an argparse type).

    >>> shard("2/4")
    (2, 4)
    """
    index, _, count = text.partition("/")
    if not (index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is not I/N with 1 <= I <= N, such as 2/8")
    return int(index), int(count)


def number(kind: type, least: float, most: float) -> Callable[[str], Any]:
    """Make an argparse type: a number of `kind` from `least` to `most`, both included.

    >>> number(int, 1, 1024)("8"), number(float, 0, 1)("0.5")
    (8, 0.5)
    """

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            words = f"a {'whole ' * (kind is int)}number from {least:g} to {most:.12g}"
            raise argparse.ArgumentTypeError(f"{text[:40]!r} is not {words}")
        return value

    return parse


COUNT = number(int, 1, 2**31 - 1)
WORKERS = number(int, 1, 1024)
BATCH = number(int, 1, 4096)
SEED = number(int, 0, 2**32 - 1)
GPU = number(int, -1, 1023)
SHARE = number(float, 0, 1)
SECONDS = number(float, 0, LONGEST_S)
