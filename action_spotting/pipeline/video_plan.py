"""What is to be spotted in a video of one's own and made of it, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from action_spotting.dataset.events import Events
from action_spotting.dataset.match_names import heading
from action_spotting.errors import SOME_FAILED
from action_spotting.extraction.registry import Pretrained

AUTO = "auto"


@dataclass(frozen=True)
class VideoPlan:
    """What is to be spotted, with what, and what is to be made of it.

    Attributes
    ----------
    videos
        One file, or one a half.
    model_dirs
        One model folder, or several that form an ensemble.
    out
        The match's folder: features, predictions, report and all the rest go there.
    second_half_start_s
        Where the second half begins in a single file of a whole match.
    pretrained
        Weights of the feature networks.
    threshold
        ``auto``: each class's best-F1 threshold from validation; else one number for all. For
        report, exports and videos; the predictions keep all spots.
    overwrite
        Extract features that are already there again.
    exports
        Files for other tools: of `action_spotting.export.registry.FORMATS`.
    highlights, overlay
        Videos to make (mp4), or None.
    clips
        Folder that gets one clip a spot, or None.
    title
        How the match is called; None: see `name`.
    combination
        Weights and calibration of several heads, or None: equal weights.
    notes
        What the user should know of the choice of the model.

    Examples
    --------
    >>> halves = (Path("first.mp4"), Path("second.mp4"))
    >>> plan = VideoPlan(halves, (Path("model"),), Path("my_match"), exports=("csv",))
    >>> plan.threshold
    'auto'
    """

    videos: tuple[Path, ...]
    model_dirs: tuple[Path, ...]
    out: Path
    second_half_start_s: float | None = None
    pretrained: Pretrained = field(default_factory=Pretrained)
    threshold: str = AUTO
    overwrite: bool = False
    exports: tuple[str, ...] = ()
    highlights: Path | None = None
    overlay: Path | None = None
    clips: Path | None = None
    title: str | None = None
    combination: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The title; else the folder of a video that SoccerNet named; else what the user named.

        That is a single video's name without its ending, or, of several, the match's folder.
        """
        first = self.videos[0]
        if self.title:
            return self.title
        if heading(first.parent.name).about:
            return first.parent.name
        return first.stem if len(self.videos) == 1 else self.out.resolve().name or first.stem


@dataclass
class VideoOutcome:
    """What became of a video.

    Attributes
    ----------
    spots
        All spots, those below their threshold too.
    probability
        Probability that each spot lies within 2.5 s of an event, in [0, 1]; float ``(n,)``. None:
        the model was not calibrated.
    thresholds
        Least confidence of a spot that is shown, float ``(classes,)``.
    notices
        What the user should know: missing modalities, sound that ends early.
    files
        What was written, by what it is: predictions, report, …
    failures
        Why exports, highlights or an overlay could not be made.
    """

    spots: Events
    probability: np.ndarray | None
    thresholds: np.ndarray
    notices: list[str] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """3 when something could not be made, else 0."""
        return SOME_FAILED if self.failures else 0

    @property
    def seen(self) -> tuple[Events, np.ndarray | None]:
        """The spots that reach their class's threshold, and their probabilities where known."""
        rows = self.rows
        return self.spots.take(rows), None if self.probability is None else self.probability[rows]

    @property
    def rows(self) -> np.ndarray:
        """Indices of the spots that reach their class's threshold, in the order of the match."""
        spots = self.spots
        keep = np.flatnonzero(spots.confidence >= self.thresholds[spots.label])
        return keep[np.lexsort((spots.label[keep], spots.position_ms[keep], spots.half[keep]))]
