"""Many machines on one: a Dask cluster of 4 workers of which two are killed, and 4 jobs at once.

    python benchmarks/cluster.py [--matches N] [--half_s S] [--features FFT VGGish]

Generated matches, VGGish with random weights. Every run must give the files of an undisturbed run
in one process, byte for byte, and make none of them twice; exit code 1 otherwise. Where a worker is
killed between the file and the word that it is made, another finds it there. The clock runs from
the command's start to its end and leaves out the start of the cluster.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting.dataset.splits import list_halves
from action_spotting.io.locks import claim_path, holder_of
from action_spotting.io.tables import table
from action_spotting.sample import make_sample

CLONE = Path(__file__).resolve().parents[1]
DOOR = CLONE / "audio-features-extraction" / "extract_features.py"
PATIENCE_S = 600


@dataclass
class Run:
    """One way to do the work.

    Attributes
    ----------
    what
        Its name.
    seconds
        From the start of the first command to the end of the last.
    made, there
        Files that its commands say they made, and found made.
    files
        Hash of every feature file and record, by path.
    strays
        Claims and temporary files left behind.
    """

    what: str
    seconds: float
    made: int
    there: int
    files: dict[str, str]
    strays: list[str]


def run(what: str, media: Path, features: list[str], out: Path, *options: list[str]) -> Run:
    """Run the door once with each of `options`, all at once, over one folder."""
    command = [sys.executable, str(DOOR), "--root_path", str(media), "--out_dir_path", str(out)]
    command += ["--weights", "random", "--features", *features]
    began = time.monotonic()
    running = [
        subprocess.Popen([*command, *more], stdout=subprocess.PIPE, text=True) for more in options
    ]
    said = [process.communicate(timeout=PATIENCE_S)[0] for process in running]
    seconds = time.monotonic() - began
    if any(process.returncode for process in running):
        raise SystemExit(f"{what} failed:\n" + "\n".join(said))
    made, there = (
        sum(int(number) for text in said for number in re.findall(rf"(\d+) {word}", text))
        for word in ("made", "already there")
    )
    return Run(what, seconds, made, there, hashes(out), strays(out))


def hashes(out: Path) -> dict[str, str]:
    """Hash every feature file and record below `out`."""
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("[12]_*.*"))
        if path.suffix in (".npy", ".json")
    }


def strays(out: Path) -> list[str]:
    """List what should not be left behind."""
    return [path.name for path in [*out.rglob("*.claim"), *out.rglob(".*.part*")]]


def kill_workers(targets: list[Path], number: int, killed: set[int]) -> None:
    """Kill workers, each in the middle of a half, once a quarter of the files is there."""
    limit = time.monotonic() + PATIENCE_S
    while len(killed) < number and time.monotonic() < limit:
        if sum(target.exists() for target in targets) >= len(targets) / 4:
            busy = [holder for t in targets if claim_path(t).exists() and (holder := holder_of(t))]
            for pid in {holder.pid for holder in busy} - killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
                break
            time.sleep(0.2)
        time.sleep(0.01)


def on_cluster(workers: int, work: Callable[[str], Run]) -> Run:
    """Do ``work(address)`` on a Dask cluster of processes on this machine."""
    from distributed import LocalCluster

    with (
        tempfile.TemporaryDirectory() as scratch,
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=scratch,
        ) as cluster,
    ):
        return work(cluster.scheduler_address)


def main() -> int:
    """Run all and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--matches", type=int, default=8, help="generated matches of two halves")
    parser.add_argument("--half_s", type=float, default=60, help="least length of a half")
    parser.add_argument("--features", nargs="+", default=["FFT", "VGGish"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        media = Path(place) / "matches"
        make_sample(media, matches=args.matches, half_s=(args.half_s, 1.2 * args.half_s))
        return compare(media, args.features, Path(place))


def compare(media: Path, features: list[str], place: Path) -> int:
    """Do the work in every way, print the table, tell whether all are the same."""
    halves = list_halves(media)
    killed: set[int] = set()

    def out(name: str) -> Path:
        return place / name

    def disturbed(address: str) -> Run:
        names = [h.feature(feature).relative_to(media) for h in halves for feature in features]
        targets = [out("killed") / name for name in names]
        killer = threading.Thread(target=kill_workers, args=(targets, 2, killed), daemon=True)
        killer.start()
        options = ["--scheduler", address]
        done = run("4 workers, two killed", media, features, out("killed"), options)
        killer.join(1)
        return done

    def plain(what: str, name: str) -> Callable[[str], Run]:
        return lambda address: run(what, media, features, out(name), ["--scheduler", address])

    runs = [
        run("one process", media, features, out("alone"), []),
        on_cluster(1, plain("cluster, 1 worker", "one")),
        on_cluster(4, plain("cluster, 4 workers", "four")),
        on_cluster(4, disturbed),
        run(
            *("4 shards at once", media, features, out("shards")),
            *(["--shard", f"{i}/4"] for i in (1, 2, 3, 4)),
        ),
        run("4 whole runs at once", media, features, out("whole"), [], [], [], []),
    ]
    number = len(halves) * len(features)
    rows = [
        [
            done.what,
            f"{done.seconds:.1f} s",
            f"{runs[1].seconds / done.seconds:.2f}",
            f"{done.made} of {number}",
            "yes" if done.files == runs[0].files else "NO",
            len(done.strays),
        ]
        for done in runs
    ]
    print(f"{len(halves)} halves, {' and '.join(features)}, {os.cpu_count()} cores")
    header = ["run", "wall", "x of 1 worker", "made", "same bytes", "left over"]
    print(table(header, rows))
    print(f"workers killed: {len(killed)}")
    alike = all(done.files == runs[0].files and not done.strays for done in runs)
    once = all(done.made == number for done in runs if done is not runs[3])
    once = once and runs[3].made + runs[3].there == number
    return 0 if alike and once and len(killed) == 2 else 1


if __name__ == "__main__":
    sys.exit(main())
