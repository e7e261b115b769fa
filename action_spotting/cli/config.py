"""A run described in a file: ``--config run.yaml``, which every run writes too.

The file has a section a command, with its options by their names::

    extract-resnet:
      soccernet_dirpath: /data/SoccerNet
      FPS: 5
      overwrite: true
    train:
      modalities: [ResNET_5fps_TF2_PCA512, VGGish]

Options on the command line override it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from action_spotting.errors import InputError, UsageError, unknown
from action_spotting.io.files import read_bytes, whole_file

CONFIG_FILE = "run.yaml"
MAX_BYTES = 2**18
_ABSENT = ("", "null", "~")
_HERE = {"config", "json", "help", "version", "quiet", "verbose"}  # of a call, not of a run
_known: dict[str, set[str]] = {}
_last: dict[str, dict[str, Any]] = {}


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--config``."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"take options from this file, such as the {CONFIG_FILE} of another run; what is "
        "given here overrides it",
    )


def words_of(parser: argparse.ArgumentParser, command: str, words: Sequence[str]) -> list[str]:
    """Put the options of the file that `words` name, if any, before them."""
    only = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    add_option(only)
    try:
        path = only.parse_known_args(list(words))[0].config
    except argparse.ArgumentError:  # it is told when all is parsed
        return list(words)
    if path is None:
        return list(words)
    options = _named(parser)
    others = {w.lstrip("-"): a for a in options.values() for w in a.option_strings}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    found: list[str] = []
    for name, value in _section(path, command).items():
        action = options.get(name) or others.get(name)
        if action is None:
            raise UsageError(f"{path}: {unknown(f'option of {command}', name, options)}")
        if not action.option_strings:
            _default(action, _texts(path, name, value))
        elif not (isinstance(action, argparse._AppendAction) and given & {*action.option_strings}):
            found += _words(path, name, action, _texts(path, name, value))
    return [*found, *words]


def remember(parser: argparse.ArgumentParser, command: str, options: argparse.Namespace) -> None:
    """Keep the options of this run for `write`."""
    values = {name: getattr(options, a.dest, None) for name, a in _named(parser).items()}
    _known[command] = set(values)
    _last[command] = {n: _plain(v) for n, v in values.items() if v is not None and v != []}


def has_option(name: str) -> bool:
    """Tell whether the command of this run has an option of this name."""
    return any(name in names for names in _known.values())


def write(folder: Path, command: str) -> None:
    """Write the options of this run into the ``run.yaml`` of `folder`; other commands' stay."""
    import yaml

    path = folder / CONFIG_FILE
    if command not in _last:
        return
    try:
        sections = _sections(path) if path.exists() else {}
    except InputError:  # a person's own file: it is left alone
        return
    sections[command] = _last[command]
    with whole_file(path) as part:
        text = yaml.safe_dump(sections, sort_keys=False)
        part.write_text("# the last run of each command here; see --config\n" + text, "utf-8")


def _named(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Name the options that a run is described by: each by its longest name."""
    names: dict[str, argparse.Action] = {}
    for action in parser._actions:
        name = _option(action).lstrip("-") or action.dest
        if name not in _HERE:
            names[name] = action
    return names


def _option(action: argparse.Action) -> str:
    """Give the longest name of an option, but no ``--no-<name>``; empty where it has none."""
    names = [name for name in action.option_strings if not name.startswith("--no-")]
    return max(names, key=len, default="")


def _sections(path: Path) -> dict[str, Any]:
    """Read a file without running what it holds; all its scalars are texts."""
    import yaml

    try:
        content = yaml.load(read_bytes(path, MAX_BYTES), yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or not all(isinstance(v, dict) for v in content.values()):
        raise InputError(
            f"{path}: expected a section a command, such as `train:` and, indented, "
            "its options: `seed: 1`"
        )
    return content


def _section(path: Path, command: str) -> dict[str, Any]:
    sections = _sections(path)
    if command not in sections:
        raise UsageError(f"{path}: {unknown('section', command, sections)}")
    return sections[command]


def _texts(path: Path, name: str, value: Any) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise InputError(f"{path}: {name}: expected a value or a list of values")
    return [] if texts and texts[0] in _ABSENT else texts


def _words(path: Path, name: str, action: argparse.Action, texts: list[str]) -> Iterator[str]:
    """Give an option as the words of a command line."""
    switch = action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction)
    option = _option(action)
    if not texts:
        return
    if switch:
        if texts[0] not in ("true", "false"):
            raise InputError(f"{path}: {name}: expected true or false, not {texts[0]!r}")
        if texts[0] == "true":
            yield option
        elif isinstance(action, argparse.BooleanOptionalAction):
            yield f"--no-{name}"
    elif isinstance(action, argparse._AppendAction) or len(texts) == 1:
        yield from (f"{option}={text}" for text in texts)
    else:
        yield from (option, *texts)


def _default(action: argparse.Action, texts: list[str]) -> None:
    """Let words without an option be those of the file where none are given."""
    kind = action.type if callable(action.type) else str
    values = [kind(text) for text in texts]
    action.required, action.default = False, values if action.nargs in ("+", "*") else values[0]
    action.nargs = "*" if action.nargs in ("+", "*") else "?"


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value if isinstance(value, bool | int | float) else str(value)
