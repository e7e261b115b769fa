"""The log of what was run in a folder: with any of its lines the run can be repeated.

``runs.jsonl`` holds a JSON object a line: ``repeat``, the run as one shell command; ``time`` (UTC),
``host``, ``versions``. It is a log and no result: it has dates, and every run adds a line.
"""

from __future__ import annotations

import json
import platform
import shlex
import socket
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from action_spotting.cli import config, output
from action_spotting.dataset.records import package_versions
from action_spotting.errors import UsageError
from action_spotting.io.files import append_line

LOG_FILE = "runs.jsonl"
_PACKAGES = [
    "action_spotting",
    "numpy",
    *("keras", "tensorflow", "torch", "jax", "openvino"),
    "opencv-python-headless",
    "av",
    "onnxruntime",
]


def log_run(folder: Path, command: str, argv: Sequence[str] | None) -> None:
    """Add a line to the log of `folder`, which is made when it is not there.

    The run's options go into its ``run.yaml``, its failures into its ``failures.jsonl``.

    Parameters
    ----------
    folder
        Where the run leaves its results.
    command
        Which, as ``action-spotting`` calls it.
    argv
        Its arguments; None: those of this process.

    Raises
    ------
    UsageError
        The folder cannot be written to, or its log is no plain file.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> log_run(folder, "train", ["--model_dir", "my model"])
    >>> json.loads((folder / LOG_FILE).read_text())["repeat"]
    "cd ... && python -m action_spotting train --model_dir 'my model'"
    """
    words = [str(word) for word in (sys.argv[1:] if argv is None else argv)]
    repeat = shlex.join(["python", "-m", "action_spotting", command, *words])
    line = {
        "repeat": f"cd {shlex.quote(str(Path.cwd()))} && {repeat}",
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "versions": {"python": platform.python_version(), **package_versions(*_PACKAGES)},
    }
    try:
        append_line(folder / LOG_FILE, json.dumps(line, ensure_ascii=True).encode() + b"\n")
    except UsageError as error:
        option = next(filter(config.has_option, ("out_dir_path", "model_dir", "out")), "")
        raise UsageError(f"{error}" + f" (--{option})" * bool(option)) from error
    config.write(folder, command)
    output.keep_failures(folder)
