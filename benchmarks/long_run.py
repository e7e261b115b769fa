"""A season in one process: memory, file handles and processes over hundreds of games.

python benchmarks/long_run.py                    # 550 games of two halves, about 20 minutes
python benchmarks/long_run.py --games 30
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting.io.tables import table
from tests.safety.many_games import SETTLED, run, verdict

GAMES = 550


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--games", type=int, default=GAMES)
    args = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        counts = run(Path(folder), args.games)
    shown = sorted({0, SETTLED - 1, *(len(counts) * i // 5 - 1 for i in range(1, 6))})
    rows = [
        [
            i + 1,
            f"{counts[i].memory_mb:.1f}",
            counts[i].handles,
            counts[i].threads,
            counts[i].children,
        ]
        for i in shown
        if i >= 0
    ]
    print(table(("after game", "memory MB", "handles", "threads", "children"), rows))
    found = verdict(counts)
    print(f"{time.monotonic() - began:.0f} s; " + ("; ".join(found) or "flat, nothing left"))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
