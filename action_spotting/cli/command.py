"""What every command shares: help that reads well, output, run files, exit codes.

Imports nothing heavy, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from action_spotting import __version__
from action_spotting.cli import config, output, process
from action_spotting.dataset.media import LONGEST_S
from action_spotting.dataset.roots import look_in
from action_spotting.io.files import existing_folder, expanded

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


class Parser(argparse.ArgumentParser):
    """The parser of a command, with what every command takes: see `output` and `config`."""

    command = ""

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: None = None
    ) -> argparse.Namespace:
        """Parse `args`, after those of ``--config``; options for output hold from now on."""
        self.words = list(sys.argv[1:] if args is None else args)
        options = super().parse_args(config.words_of(self, self.command, self.words))
        config.remember(self, self.command, options)
        output.begin(self.command, options)
        return options

    def error(self, message: str) -> NoReturn:
        """End with what is wrong in the command line."""
        output.refuse(self.command, self.words, message)
        super().error(message)


class PrintVersion(argparse.Action):
    """``--version``: print the program's and end; a value, where it takes one, is kept."""

    def __call__(
        self, parser: argparse.ArgumentParser, options: Any, values: Any, option: Any = None
    ) -> None:
        """See the class."""
        if values in (None, []):
            print(f"action-spotting {__version__}")
            parser.exit()
        setattr(options, self.dest, values)


def parser(description: str, example: str, *, own_version: bool = False) -> Parser:
    """Make the argument parser of the command whose module calls this.

    Parameters
    ----------
    description, example
        On top and at the end of the help.
    own_version
        The command has a ``--version N`` itself, see `add_label_version`.
    """
    made = Parser(
        description=description, epilog=f"example:\n  {example}", formatter_class=_Formatter
    )
    module = sys._getframe(1).f_globals["__name__"]
    made.command = module.rpartition(".")[2].replace("_", "-")
    if not own_version:
        made.add_argument(
            "--version", action=PrintVersion, nargs=0, help="print the program's version"
        )
    config.add_option(made)
    output.add_options(made)
    return made


def add_label_version(group: argparse._ArgumentGroup) -> None:
    """Add ``--version N`` of labels; alone it is the program's, as with every command."""
    group.add_argument(
        "--version",
        action=PrintVersion,
        nargs="?",
        type=int,
        choices=(1, 2),
        default=2,
        help="label version; without a number: print the program's version",
    )


def run(main: Callable[[Sequence[str] | None], int]) -> None:
    """Run a command's ``main(argv) -> exit code`` and leave the process with that code.

    A `SpottingError` is printed as one sentence, as is what the system refuses; Ctrl-C and SIGTERM
    say how to go on.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    process.prepare()
    output.take_charge()
    try:
        code = _code(main)
    except BrokenPipeError:
        output.drop()
        code = 1
    if process.interrupted():
        process.end()
    sys.exit(code)


def _code(main: Callable[[Sequence[str] | None], int]) -> int:
    """Run a command and tell how it ended; gives the exit code."""
    code = 1
    try:
        code = main(None)
        sys.stdout.flush()
    except SystemExit as wrong:  # of the parser
        code = int(wrong.code or 0)
    except BrokenPipeError:
        raise
    except BaseException as error:  # noqa: BLE001 - it is told, or raised again
        if not process.interrupted():
            code = getattr(error, "exit_code", 1)
            output.failed(error)
    finally:
        if not process.interrupted():
            output.end(code)
    return code


def add_many_machines(parser: argparse.ArgumentParser) -> None:
    """Add the options with which several machines share the work."""
    group = parser.add_argument_group("many machines")
    group.add_argument(
        "--shard",
        type=shard,
        default=Shard(1, 1),
        metavar="I/N",
        help="part I of N, counted from 1, for a job array: --array=1-N",
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


def add_network_weights(group: argparse._ArgumentGroup) -> None:
    """Add the weights of ResNet-152 and of VGGish."""
    for name, usual in (("resnet", "imagenet"), ("vggish", "audioset")):
        group.add_argument(
            f"--{name}_weights", default=usual, metavar="W", help=f"{usual}, random or a file"
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


def add_features_dirpath(group: argparse._ArgumentGroup) -> None:
    """Add ``--features_dirpath``: where features are found beside the data set's own folder."""
    group.add_argument(
        "--features_dirpath",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="find features here too, laid out as the dataset; may be repeated, the first that has "
        "a file counts (left out: beside the media)",
    )


def add_out_dir_path(group: argparse._ArgumentGroup) -> None:
    """Add ``--out_dir_path``: where features go."""
    group.add_argument(
        "--out_dir_path",
        type=Path,
        metavar="DIR",
        help="where new features go, laid out as the dataset, which may be read-only then (left "
        "out: beside the media)",
    )


def data_set(options: argparse.Namespace) -> Path:
    """Give the folder of ``--soccernet_dirpath``, with the places of its features looked up."""
    root = existing_folder(options.soccernet_dirpath, "--soccernet_dirpath")
    folders = [existing_folder(folder, "--features_dirpath") for folder in options.features_dirpath]
    made_in = getattr(options, "out_dir_path", None)
    look_in(root, folders, made_in=expanded(made_in) if made_in else None)
    return root


def make_absolute(options: argparse.Namespace, *names: str) -> None:
    """Make the paths among the options absolute, for workers that run in folders of their own."""
    for name in names:
        path = getattr(options, name)
        if path is not None and str(path) not in PUBLISHED:
            setattr(options, name, type(path)(expanded(path).absolute()))


class Shard(NamedTuple):
    """One of several equal parts of the work, counted from 1."""

    part: int
    parts: int

    def __str__(self) -> str:
        """As on the command line."""
        return f"{self.part}/{self.parts}"


def shard(text: str) -> Shard:
    """Parse ``I/N``: part I of N, counted from 1 (an argparse type).

    >>> str(shard("2/4"))
    '2/4'
    """
    index, _, count = text.partition("/")
    if not (index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is not I/N with 1 <= I <= N, such as 2/8")
    return Shard(int(index), int(count))


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


def gpu(text: str) -> int | None:
    """Parse ``--GPU``: ``auto`` or an index, -1 for the CPU (an argparse type).

    >>> gpu("auto"), gpu("0"), gpu("-1")
    (None, 0, -1)
    """
    return None if text == "auto" else int(number(int, -1, 1023)(text))


def add_gpu(group: argparse._ArgumentGroup) -> None:
    """Add ``--GPU``."""
    group.add_argument(
        "--GPU",
        type=gpu,
        default="auto",
        help="index of the GPU, an error where it cannot be used; -1: the CPU; auto: the first GPU "
        "there, or the CPU, and says which",
    )


COUNT = number(int, 1, 2**31 - 1)
WORKERS = number(int, 1, 1024)
BATCH = number(int, 1, 4096)
SEED = number(int, 0, 2**32 - 1)
SHARE = number(float, 0, 1)
SECONDS = number(float, 0, LONGEST_S)
