"""What a run of the whole chain is to do: where it reads and writes, and with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from action_spotting.dataset.feature_types import MODALITIES, is_audio
from action_spotting.dataset.rates import Rate
from action_spotting.extraction.registry import Pretrained

PICTURE_FIRST = tuple(sorted(MODALITIES, key=is_audio))
"""The order in which the chain makes the features."""


@dataclass(frozen=True)
class Plan:
    """One run of the whole chain over a dataset folder.

    Attributes
    ----------
    root
        The dataset folder.
    model_dir, predictions, report
        Where the head, the results and the HTML report go.
    modalities
        What the head is trained on, such as ``ResNET_TF2_PCA<n>``; None: what the folder has or
        can make, see `action_spotting.dataset.modalities`.
    rates
        Where the rows of features stand, of those that know better than their records and names.
    video
        Which media of a half are read: LQ, 720p or HQ.
    train_split, valid_split, test_split
        Names of the splits.
    pretrained
        Weights of the feature networks.
    preset, epochs, seed
        How the head is trained; preset None: ``small`` for the sample matches, else ``full``.
    fail_fast
        Stop at the first half that fails.
    sample
        Make the sample matches in `root` first, and go on with random weights and a stand-in for
        the detector where pretrained ones cannot be had.
    notes
        What a reader of the report must know, such as that weights are random.

    Examples
    --------
    >>> plan = Plan(Path("SoccerNet"), Path("model"), Path("predictions"), Path("report.html"))
    >>> plan.splits
    ('train', 'valid', 'test')
    """

    root: Path
    model_dir: Path
    predictions: Path
    report: Path
    modalities: tuple[str, ...] | None = None
    rates: Mapping[str, Rate] = field(default_factory=dict)
    video: str = "LQ"
    train_split: str = "train"
    valid_split: str = "valid"
    test_split: str = "test"
    pretrained: Pretrained = field(default_factory=Pretrained)
    preset: str | None = None
    epochs: int | None = None
    seed: int = 0
    fail_fast: bool = False
    sample: bool = False
    notes: tuple[str, ...] = ()

    @property
    def splits(self) -> tuple[str, str, str]:
        """The three splits, in the order of use."""
        return self.train_split, self.valid_split, self.test_split
