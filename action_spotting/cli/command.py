"""What every door shares: help that reads well, exit codes, the list of failed items.

Imports nothing heavy, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from action_spotting.errors import SpottingError
from action_spotting.io import ffmpeg, files, locks

INTERRUPTED = 130
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
    """Run a door's ``main(argv) -> exit code`` and leave the process with that code.

    A `SpottingError` is printed as one sentence; Ctrl-C says how to go on, and so does the word
    to end that a batch system sends.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names hold what they like
    try:
        code = main(None)
        sys.stdout.flush()
    except SpottingError as error:
        print(f"error: {error}", file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt:
        print("interrupted; what is finished is kept, the same command goes on", file=sys.stderr)
        sys.stdout.flush()
        ffmpeg.end_all()
        files.discard_parts()
        locks.release_all()
        os._exit(INTERRUPTED)  # threads in the middle of a half are not waited for
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except OSError as error:  # the disk or the system refuses: no defect of ours
        print(f"error: {error}; what is finished is kept", file=sys.stderr)
        code = 1
    sys.exit(code)


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


def make_absolute(options: argparse.Namespace, *names: str) -> None:
    """Make the paths among the options absolute, for workers that run in folders of their own."""
    for name in names:
        path = getattr(options, name)
        if path is not None and str(path) not in PUBLISHED:
            setattr(options, name, type(path)(Path(path).expanduser().absolute()))


def shard(text: str) -> tuple[int, int]:
    """Parse ``I/N``: part I of N, counted from 1 (an argparse type).

    >>> shard("2/4")
    (2, 4)
    """
    index, _, count = text.partition("/")
    if not (index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is not I/N with 1 <= I <= N, such as 2/8")
    return int(index), int(count)
