#!/usr/bin/env python3
"""``action-spotting compare-heads`` as a script of the clone; see ``--help``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting.cli import command
from action_spotting.cli.compare_heads import main

if __name__ == "__main__":
    command.run(main)
