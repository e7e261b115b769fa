"""Every command over a folder of hostile files, watched by strace: writes outside, calls to others.

python benchmarks/traced.py
python benchmarks/traced.py --only evaluate export
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting.cli.program import COMMANDS
from action_spotting.io.tables import table
from tests.conftest import write_video
from tests.safety.traced import run, untouched


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=[*COMMANDS])
    args = parser.parse_args()
    rows, wrong = [], 0
    with tempfile.TemporaryDirectory() as folder:
        video = write_video(Path(folder, "tone.mkv"), seconds=10)
        for name, found in run(Path(folder, "place"), video, args.only):
            rows.append([name, found.exit_code, len(found.outside), len(found.sockets)])
            wrong += found.wrong
            for text in (*found.outside, *found.sockets, *["a traceback"] * found.traceback):
                print(f"{name}: {text}", flush=True)
        wrong += not untouched(Path(folder, "place"))
    print(table(["command", "exit code", "writes outside", "sockets"], rows))
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
