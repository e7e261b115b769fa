"""PCA: speed and memory against the original script's way, and what the full set would take.

    python benchmarks/pca.py
    python benchmarks/pca.py --rows 54000 --more_rows 216000 --folder /big/disk

The original (``Features/ReduceFeaturesPCA.py`` of the dev-kit) loads all games, subtracts their
mean, fits scikit-learn's PCA with ``svd_solver="full"`` and projects file by file. Both run in
processes of their own on the same files; memory is the peak of the process. The numbers
are compared with the same PCA in float64, which takes 4 GB at 54,000 rows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from action_spotting.io.tables import table

WIDTH, HALF_ROWS, FULL_ROWS = 2048, 5400, 5_400_000
MEASURED = """
import json, resource, sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
import numpy as np
folder, dims = Path(sys.argv[1]), int(sys.argv[2])
files = sorted(folder.glob("*_X.npy"))
{body}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({{"fit": fitted - began, "all": time.perf_counter() - began, "peak": peak}}))
"""
_ORIGINAL = """
from sklearn.decomposition import PCA
began = time.perf_counter()
data = np.vstack([np.load(file) for file in files])
average = np.mean(data, axis=0)
data = data - average
pca = PCA(n_components=dims, svd_solver="full")
pca.fit(data)
fitted = time.perf_counter()
del data
for file in files:
    reduced = pca.transform(np.load(file) - average)
    np.save(file.with_name(file.name.replace("_X", "_KIND")), reduced)
"""
ORIGINAL, EXACT = (
    _ORIGINAL.replace("_KIND", "_original"),
    _ORIGINAL.replace("_KIND", "_exact").replace("np.load(file)", "np.load(file).astype(float)"),
)
OURS = """
from action_spotting.reduction.projection import reduce_files
from action_spotting.reduction.fitting import fit
from action_spotting.reduction.files import save_pca
began = time.perf_counter()
pca, summary = fit(files, dims)
save_pca(pca, folder / "pca.pkl", folder / "average.pkl")
fitted = time.perf_counter()
targets = [file.with_name(file.name.replace("_X", "_ours")) for file in files]
done = reduce_files(pca, dict(zip(targets, files)), overwrite=True)
assert not summary.failures and not done.failures
"""


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=54_000)
    parser.add_argument("--more_rows", type=int, default=216_000, help="ours alone; 0: leave out")
    parser.add_argument("--dims", type=int, default=512)
    parser.add_argument("--folder", help="where the files are made (default: the temporary folder)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        make_files(folder, args.rows)
        original = run(ORIGINAL, folder, args.dims)
        ours = run(OURS, folder, args.dims)
        run(EXACT, folder, args.dims)
        errors = [difference(folder, kind) for kind in ("ours", "original")]
        rows = [line("original", args.rows, original), line("ours", args.rows, ours)]
        if args.more_rows:
            make_files(folder, args.more_rows)
            more = run(OURS, folder, args.dims)
            rows.append(line("ours", args.more_rows, more))
        print(table(("", "rows", "fit s", "fit + transform s", "peak MB"), rows))
        faster = [f"{original[key] / ours[key]:.1f} x" for key in ("all", "fit")]
        print(f"\nfaster: {faster[0]}, the fit alone {faster[1]}")
        print("largest difference to scikit-learn's full SVD in float64, up to sign, relative to")
        print(f"the largest value: ours {errors[0]:.1e}, the original (float32) {errors[1]:.1e}")
        if args.more_rows:
            project(args, ours, more)


def make_files(folder: Path, rows: int) -> None:
    """Write halves of rows like ResNet's: positive, correlated, a long spectrum."""
    mixing = np.random.default_rng(0).standard_normal((WIDTH, WIDTH), dtype=np.float32)
    mixing *= np.geomspace(1, 0.02, WIDTH, dtype=np.float32)[:, None] / 20
    for i in range(-(-rows // HALF_ROWS)):
        path = folder / f"{i:05}_X.npy"
        if not path.exists():
            rng = np.random.default_rng(i + 1)
            count = min(HALF_ROWS, rows - i * HALF_ROWS)
            noise = rng.standard_normal((count, WIDTH), dtype=np.float32)
            np.save(path, np.maximum(noise @ mixing + 0.4, 0))


def run(body: str, folder: Path, dims: int) -> dict[str, float]:
    """Run one way in a process of its own."""
    code = MEASURED.format(root=str(Path(__file__).resolve().parents[1]), body=body)
    command = [sys.executable, "-c", code, str(folder), str(dims)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def difference(folder: Path, kind: str) -> float:
    """Compare all reduced files with the exact ones, up to a sign for each component."""
    worst = 0.0
    for path in sorted(folder.glob("*_exact.npy")):
        exact = np.load(path)
        found = np.load(path.with_name(path.name.replace("_exact", f"_{kind}")))
        signs = np.sign((found * exact).sum(axis=0))
        worst = max(worst, float(np.abs(found - signs * exact).max() / np.abs(exact).max()))
    return worst


def line(name: str, rows: int, found: dict[str, float]) -> tuple:
    """Lay out one measurement."""
    times = [f"{found[key]:.1f}" for key in ("fit", "all")]
    return (name, f"{rows:,}", *times, f"{found['peak']:.0f}")


def project(args, ours: dict[str, float], more: dict[str, float]) -> None:
    """Extend the slope between the two measurements to the whole of SoccerNet."""
    span = args.more_rows - args.rows
    print(f"\nprojected from the slope to {FULL_ROWS:,} rows (the original: {memory()} in memory):")
    for key, name in (("fit", "fit"), ("all", "fit + transform")):
        slope = (more[key] - ours[key]) / span
        print(f"  {name}: {(more[key] + slope * (FULL_ROWS - args.more_rows)) / 60:.1f} min")
    slope = (more["peak"] - ours["peak"]) / span
    print(f"  peak: {more['peak'] + max(slope, 0) * (FULL_ROWS - args.more_rows):.0f} MB")


def memory() -> str:
    """Say what all rows take as float32."""
    return f"{FULL_ROWS * WIDTH * 4 / 1e9:.0f} GB of features"


if __name__ == "__main__":
    main()
