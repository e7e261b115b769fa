#!/usr/bin/env python3
"""``action-spotting extract-audio`` as a script of the clone; see ``--help``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting.cli import command, extract_audio

# The two lines that people edit; the defaults of --root_path and --out_dir_path.
ROOT_PATH = ""
OUT_DIR_PATH = ""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with the two defaults above."""
    words = list(sys.argv[1:] if argv is None else argv)
    defaults = {"--root_path": ROOT_PATH, "--out_dir_path": OUT_DIR_PATH}
    edited = [word for option, path in defaults.items() if path for word in (option, path)]
    one_file = any(word.partition("=")[0] == "--path_video" for word in words)
    return extract_audio.main(words if one_file else [*edited, *words])


if __name__ == "__main__":
    command.run(main)
