"""Mutated media: each is read to its end or refused by name, and no row moves without a word.

python benchmarks/media_faults.py                     # 60 files, every reader, seeded
python benchmarks/media_faults.py --files 600 --seed 1 --keep failures
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting.io.tables import table
from tests.safety.mutated_media import run

FILES = 60


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=FILES, help="how many files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files that broke a rule")
    parser.add_argument("--verbose", action="store_true", help="name every verdict")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cases = run(Path(folder), args.files, args.seed)
        for case in cases:
            if args.verbose:
                print(
                    case.path.name, {n: (v.outcome, v.words[:90]) for n, v in case.verdicts.items()}
                )
            if case.wrong:
                print(f"{case.path.name}: {'; '.join(case.wrong)}")
                if args.keep:
                    args.keep.mkdir(parents=True, exist_ok=True)
                    shutil.copy(case.path, args.keep)
    outcomes = Counter((n, v.outcome) for case in cases for n, v in case.verdicts.items())
    print(table(("reader", "outcome", "files"), [[*key, n] for key, n in sorted(outcomes.items())]))
    failed = sum(bool(case.wrong) for case in cases)
    print(f"{len(cases)} files, {failed} broke a rule")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
