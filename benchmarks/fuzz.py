"""Every reader fed with damaged and hostile bytes: it reads them or refuses them, nothing else.

    python benchmarks/fuzz.py                                # 100 000 cases a reader, seeded
    python benchmarks/fuzz.py --engine hypothesis --cases 2000
    python benchmarks/fuzz.py --engine atheris --only npy    # coverage-guided: pip install atheris

A case is a sound file with some edits: bits, cuts, pieces doubled, tokens replaced by what breaks
readers. A reader may raise `SpottingError` and nothing else, takes at most `SECONDS` a case, and
its process grows by at most `GROWTH_MIB`. What breaks a rule is written to ``--findings``. Each
reader has a process of its own, so that a crash of a C library is seen.
"""

from __future__ import annotations

import argparse
import gc
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from types import FunctionType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting.io.tables import table
from tests.safety.fuzz_readers import READERS, make_target
from tests.safety.fuzzing import SECONDS, Tally, by_hypothesis, by_mutation

CASES = 100_000
GROWTH_MIB = 256
ADDRESS_SPACE = 2 * 2**30
"""What a reader's process may ask for beyond what it has when the cases begin."""

GUIDES = ("action_spotting", "zipfile", "pickletools", "json", "numpy.lib")
"""Modules whose lines tell libFuzzer that it has come to something new."""


def by_atheris(name: str, cases: int, seed: int, findings: Path) -> None:
    """Feed what libFuzzer finds, guided by the lines that are reached; does not return."""
    import atheris

    target = make_target(name, Path(tempfile.mkdtemp(dir=ram_disk())))
    for sound in target.seeds:
        target.read(sound)  # what is imported late is there now
    for item in gc.get_objects():
        if isinstance(item, FunctionType) and (item.__module__ or "").startswith(GUIDES):
            atheris.instrument_func(item)
    corpus = Path(tempfile.mkdtemp(prefix=f"corpus_{name}_"))
    for i, sound in enumerate(target.seeds):
        (corpus / f"seed{i}").write_bytes(sound)
    words = "\n".join(
        '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in target.words if word
    )
    (corpus.parent / f"{corpus.name}.dict").write_text(words + "\n")
    tally = Tally()

    def feed(data: bytes) -> None:
        tally.run(target, data)
        if tally.findings:
            raise RuntimeError(next(iter(tally.findings)))

    findings.mkdir(parents=True, exist_ok=True)
    options = [f"-runs={cases}", f"-seed={seed + 1}", "-max_len=20000", "-rss_limit_mb=4096"]
    options += [f"-timeout={int(SECONDS)}", f"-artifact_prefix={findings}/", str(corpus)]
    options += [f"-dict={corpus.parent / corpus.name}.dict", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options], feed)
    atheris.Fuzz()


def run_reader(name: str, args: argparse.Namespace) -> Tally:
    """Feed one reader in this process."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(dir=ram_disk()) as folder:
        target = make_target(name, Path(folder))
        for sound in target.seeds:
            target.read(sound)  # what is imported late is imported now
        before = resident_mib()
        limit = address_space() + ADDRESS_SPACE
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        engine = by_hypothesis if args.engine == "hypothesis" else by_mutation
        tally = engine(target, args.cases, args.seed)
        tally.growth_mib = resident_mib() - before
    if tally.growth_mib > GROWTH_MIB:
        tally.findings["memory"] = b""
    for i, (text, data) in enumerate(tally.findings.items()):
        args.findings.mkdir(parents=True, exist_ok=True)
        (args.findings / f"{name}_{i}").write_bytes(data)
        print(f"{name}_{i}: {text}", file=sys.stderr)
    return tally


def ram_disk() -> str | None:
    """Give a folder in memory where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def resident_mib() -> float:
    """Give the most memory that this process ever had, in MiB."""
    status = Path("/proc/self/status").read_text()  # getrusage counts what was before exec
    return int(re.findall(r"VmHWM:\s*(\d+)", status)[0]) / 1024


def address_space() -> int:
    """Give this process's address space in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=CASES, help="a reader")
    parser.add_argument(
        "--engine", choices=("mutation", "hypothesis", "atheris"), default="mutation"
    )
    parser.add_argument("--only", nargs="*", help="names of readers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--findings", type=Path, default=Path("fuzz_findings"))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child and args.engine == "atheris":
        by_atheris(args.child, args.cases, args.seed, args.findings)
    if args.child:
        tally = run_reader(args.child, args)
        row = [
            tally.cases,
            tally.refused,
            f"{1000 * tally.slowest_s:.0f}",
            f"{tally.growth_mib:.0f}",
        ]
        print(json.dumps([*row, len(tally.findings)]))
        return 0
    rows = [in_child(name, sys.argv[1:], args.engine) for name in args.only or READERS]
    header = ("reader", "cases", "refused", "slowest ms", "growth MiB", "findings", "seconds")
    print(table(header, rows))
    return int(any(row[5] not in (0, "none") for row in rows))


def in_child(name: str, argv: list[str], engine: str) -> list[object]:
    """Feed one reader in a process of its own; give its row of the table."""
    began = time.monotonic()
    command = [sys.executable, __file__, *argv, "--child", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    took = f"{time.monotonic() - began:.0f}"
    if engine == "atheris":
        return [name, "-", "-", "-", "-", "none" if done.returncode == 0 else "see above", took]
    if done.returncode:
        return [name, "-", "-", "-", "-", f"the process died: {done.returncode}", took]
    return [name, *json.loads(done.stdout.splitlines()[-1]), took]


if __name__ == "__main__":
    sys.exit(main())
