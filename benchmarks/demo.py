"""What the demo's score is made of: picture, sound, both, and features shuffled in time.

    make demo && python benchmarks/demo.py

The head of the demo spots the test matches again with modalities taken away. Then the rows of
every half are put in a random order (the same order for all modalities): once for a head that is
trained, calibrated and tested on such rows, once only for the test of the demo's own head. A head
that had learned the clock instead of the cues would keep its score there.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting.backend import load_backend
from action_spotting.cli import command
from action_spotting.dataset.feature_types import is_audio
from action_spotting.dataset.features import open_feature, write_feature
from action_spotting.dataset.layout import Half, labels_path
from action_spotting.dataset.records import read_record
from action_spotting.dataset.splits import list_games
from action_spotting.evaluation.evaluate import occurring_average, score_folder
from action_spotting.io.files import write_json
from action_spotting.io.tables import table


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = command.parser(str(__doc__), "python benchmarks/demo.py --demo demo")
    parser.add_argument("--demo", type=Path, default=Path("demo"), help="folder of `make demo`")
    parser.add_argument("--shuffles", type=int, default=3, help="random orders to average over")
    args = parser.parse_args(argv)
    load_backend()
    from action_spotting.fusion.prediction import load_models

    models = load_models([args.demo / "model"])
    matches = args.demo / "matches"
    sound = [name for name in models.modalities if is_audio(name)]
    picture = [name for name in models.modalities if not is_audio(name)]
    rows = [
        ["picture and sound", *_scores(matches, models)],
        ["picture", *_scores(matches, models, without=sound)],
        ["sound", *_scores(matches, models, without=picture)],
    ]
    trained, tested = [], []
    for seed in range(args.shuffles):
        with tempfile.TemporaryDirectory() as folder:
            root, model_dir = Path(folder, "matches"), Path(folder, "model")
            _shuffle(matches, root, models.modalities, seed)
            tested.append(_averages(root, models))
            _train(root, model_dir, models.modalities, seed)
            trained.append(_averages(root, load_models([model_dir])))
    for name, averages in (("whole training", trained), ("test only", tested)):
        mean = np.mean(averages, axis=0)
        rows.append([f"shuffled in time, {name}", *(f"{value:.3f}" for value in mean)])
    print(table(["test matches, classes that occur", "loose", "tight"], rows))
    return 0


def _scores(root: Path, models, without: Sequence[str] = ()) -> list[str]:
    return [f"{value:.3f}" for value in _averages(root, models, without)]


def _averages(root: Path, models, without: Sequence[str] = ()) -> list[float]:
    from action_spotting.fusion.prediction import predict

    with tempfile.TemporaryDirectory() as out:
        predict(root, list_games(root, "test"), models, Path(out), without=without)
        averages = occurring_average(score_folder(root, out, split="test"))
    return [averages["loose"], averages["tight"]]


def _train(root: Path, model_dir: Path, modalities: Sequence[str], seed: int) -> None:
    """Train a head as the demo does, on the matches in `root`."""
    from action_spotting.evaluation.scoring import average_map
    from action_spotting.fusion.settings import make_settings
    from action_spotting.fusion.training import train

    settings = make_settings("small", modalities=tuple(modalities), seed=seed)
    score = partial(average_map, metric="tight")
    train(
        root, list_games(root, "train"), list_games(root, "valid"), model_dir, settings, score=score
    )


def _shuffle(source: Path, target: Path, modalities: Sequence[str], seed: int) -> None:
    """Copy all matches' labels and features, the rows of each half in a random order."""
    splits = {split: list_games(source, split) for split in ("train", "valid", "test")}
    for i, game in enumerate(itertools.chain(*splits.values())):
        for number in (1, 2):
            ours, theirs = Half(target, game, number), Half(source, game, number)
            arrays = {name: open_feature(theirs.feature(name)) for name in modalities}
            rows = min(len(array) for array in arrays.values())
            order = np.random.default_rng((seed, i, number)).permutation(rows)
            for name, array in arrays.items():
                settings = (read_record(theirs.feature(name)) or {}).get("settings", {})
                with write_feature(ours.feature(name), array.shape[1], settings) as writer:
                    writer.append(array[order])
        labels_path(target, game).write_bytes(labels_path(source, game).read_bytes())
    write_json(target / "splits.json", splits)


if __name__ == "__main__":
    command.run(main)
