"""What the demo's score is made of: picture, sound, both, and features shuffled in time.

    make demo && python benchmarks/demo.py

The head of the demo spots the test matches again with modalities taken away, and with the rows of
every half in a random order (the same order for all modalities). A head that had learned the clock
instead of the cues would keep its score there.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting import door
from action_spotting.dataset.features import open_feature, write_feature
from action_spotting.dataset.layout import Half, labels_path
from action_spotting.dataset.splits import list_games
from action_spotting.evaluation.evaluate import score_folder
from action_spotting.files import write_json
from action_spotting.pipeline.features import is_sound
from action_spotting.pipeline.stages import occurring_average


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = door.parser(str(__doc__), "python benchmarks/demo.py --demo demo")
    parser.add_argument("--demo", type=Path, default=Path("demo"), help="folder of `make demo`")
    parser.add_argument("--shuffles", type=int, default=3, help="random orders to average over")
    args = parser.parse_args(argv)
    door.load_tensorflow()
    from action_spotting.fusion.prediction import load_models

    models = load_models([args.demo / "model"])
    matches = args.demo / "matches"
    sound = [name for name in models.modalities if is_sound(name)]
    picture = [name for name in models.modalities if not is_sound(name)]
    rows = [
        ["picture and sound", *_scores(matches, models)],
        ["picture", *_scores(matches, models, without=sound)],
        ["sound", *_scores(matches, models, without=picture)],
    ]
    with tempfile.TemporaryDirectory() as folder:
        shuffled = []
        for seed in range(args.shuffles):
            root = Path(folder) / str(seed)
            _shuffle(matches, root, models.modalities, seed)
            shuffled.append(_averages(root, models))
        mean = np.mean(shuffled, axis=0)
    rows.append([f"shuffled in time (mean of {args.shuffles})", *(f"{v:.3f}" for v in mean)])
    print(door.table(["test matches, classes that occur", "loose", "tight"], rows))
    return 0


def _scores(root: Path, models, without: Sequence[str] = ()) -> list[str]:
    return [f"{value:.3f}" for value in _averages(root, models, without)]


def _averages(root: Path, models, without: Sequence[str] = ()) -> list[float]:
    from action_spotting.fusion.prediction import predict

    with tempfile.TemporaryDirectory() as out:
        predict(root, list_games(root, "test"), models, Path(out), without=without)
        averages = occurring_average(score_folder(root, out, split="test"))
    return [averages["loose"], averages["tight"]]


def _shuffle(source: Path, target: Path, modalities: Sequence[str], seed: int) -> None:
    """Copy the test matches' labels and features, the rows of each half in a random order."""
    games = list_games(source, "test")
    for i, game in enumerate(games):
        for number in (1, 2):
            ours, theirs = Half(target, game, number), Half(source, game, number)
            for name in modalities:
                array = open_feature(theirs.feature(name))
                order = np.random.default_rng((seed, i, number)).permutation(len(array))
                with write_feature(ours.feature(name), array.shape[1], {}) as writer:
                    writer.append(array[order])
        labels_path(target, game).write_bytes(labels_path(source, game).read_bytes())
    write_json(target / "splits.json", {"test": games})
    for record in target.rglob("[12]_*.json"):
        record.unlink()


if __name__ == "__main__":
    door.run(main)
