"""The installed program ``action-spotting``: every command as a sub-command."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from types import ModuleType

from action_spotting import __version__
from action_spotting.cli import command

COMMANDS = {
    "download": "SoccerNet's labels, released features and videos",
    "extract-resnet": "ResNet-152 features of frames",
    "extract-yolov5": "player and ball features of frames",
    "extract-onnx": "features of any frozen ONNX network, from frames or sound",
    "convert-released": "features of SoccerNet's player boxes and pitch calibrations",
    "extract-audio": "VGGish and FFT features of sound",
    "reduce": "PCA of features",
    "train": "train a spotting head",
    "import-head": "make a model folder of a published head",
    "predict": "spot the games of a data set",
    "spot": "spot one match of your own, from its video to a report",
    "run": "the whole chain over a folder of games",
    "evaluate": "score predictions as SoccerNet does",
    "compare-heads": "score heads side by side, published ones beside own ones",
    "report": "one HTML page of predictions and their score",
    "export": "spots as files of other programs",
}
"""What each command does, in the order of use."""


def build_parser() -> argparse.ArgumentParser:
    """Describe the program: its options and the commands, without their own options."""
    parser = argparse.ArgumentParser(
        prog="action-spotting",
        description="Find what happened when in a football match.",
        epilog="`action-spotting COMMAND --help` describes a command.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        commands.add_parser(name, help=text, add_help=False)
    return parser


def main() -> None:
    """Run the command that the first argument names with the arguments behind it."""
    if "_ARGCOMPLETE" in os.environ:
        _complete()
    name = build_parser().parse_args(sys.argv[1:2]).command
    sys.argv = [f"action-spotting {name}", *sys.argv[2:]]
    command.run(_module(name).main)


def _complete() -> None:
    """Answer the shell that asks how a command line may go on, and end."""
    import argcomplete

    parser = argparse.ArgumentParser(prog="action-spotting")
    commands = parser.add_subparsers()
    for name, text in COMMANDS.items():
        own = _module(name).build_parser()
        commands.add_parser(name, help=text, parents=[own], add_help=False)
    argcomplete.autocomplete(parser)


def _module(name: str) -> ModuleType:
    return import_module(f"action_spotting.cli.{name.replace('-', '_')}")
