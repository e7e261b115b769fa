"""A head on the validation games: its peaks, and the postprocessing that suits it best."""

from __future__ import annotations

import numpy as np

from action_spotting.fusion.calibration import Picker, Scorer, fit_postprocessing
from action_spotting.fusion.half_data import read_rows
from action_spotting.fusion.model import RowScores, SpottingModel, pick_peaks, smooth_rows
from action_spotting.fusion.peak_picking import NO_PEAKS, Peaks
from action_spotting.fusion.postprocessing import Postprocessing
from action_spotting.fusion.split_data import SplitData


def choose_postprocessing(
    model: SpottingModel, valid_set: SplitData, score: Scorer
) -> Postprocessing:
    """Choose the postprocessing on the validation games.

    Parameters
    ----------
    model
        The head.
    valid_set
        The validation games.
    score
        Gives the tight AP of each class and their average.

    Returns
    -------
    Postprocessing
        See `fit_postprocessing`.
    """
    return fit_postprocessing(
        make_picker(model, valid_set),
        valid_set.annotations,
        score,
        classes=len(model.settings.classes),
        nms_window_s=model.settings.nms_window_s,
        spread=model.settings.spread_confidences,
    )


def make_picker(model: SpottingModel, data: SplitData) -> Picker:
    """Run a head over all halves; gives the function that picks the peaks of every game."""
    rows: dict[tuple[str, int], RowScores] = {}
    for half in data.halves:
        features = {name: read_rows(half, name, 0, half.rows) for name in half.paths}
        key = (half.half.game, half.half.number)
        rows[key] = smooth_rows(model.score_rows(features), model.settings)

    def pick(nms_windows_s: np.ndarray, displacement_scale: float) -> list[list[Peaks]]:
        def peaks(game: str, number: int) -> Peaks:
            scores = rows.get((game, number))
            if scores is None:
                return NO_PEAKS
            return pick_peaks(scores, model.settings, nms_windows_s, displacement_scale)

        return [[peaks(game, number) for number in (1, 2)] for game in data.games]

    return pick
