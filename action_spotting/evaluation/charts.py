"""Small charts as SVG text, drawn with the colours of the page that holds them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from action_spotting.evaluation.average_precision import THRESHOLDS
from action_spotting.evaluation.diagnosis import Calibration
from action_spotting.evaluation.scoring import Result


def precision_recall(result: Result, column: int, tolerance_s: int) -> str:
    """Draw the precision–recall curve of one class, with a dot at its best F1."""
    row = result.tolerances_s.index(tolerance_s)
    recall, precision = result.recall[row, column], result.precision[row, column]
    drawn = precision > 0
    box = _Box(150, 104, left=22, bottom=16)
    lines = [box.frame([0, 0.5, 1], [0, 0.5, 1])]
    if drawn.any():
        lines.append(box.line(recall[drawn], precision[drawn], "line"))
    best = result.best
    if not np.isnan(best.threshold[column]):
        at = int(np.searchsorted(THRESHOLDS, best.threshold[column]))
        lines.append(box.dot(recall[at], precision[at], f"best F1 at {THRESHOLDS[at]:.3f}"))
    name = f"precision over recall, {result.classes[column]}"
    return box.svg(lines, name)


def tolerance_curve(tolerances_s: Sequence[int], curves: Mapping[str, np.ndarray]) -> str:
    """Draw mAP against tolerance, one line a name; values in [0, 1]."""
    box = _Box(440, 220, left=34, bottom=30, right=70, x_max=max(tolerances_s))
    highest = max(float(values.max()) for values in curves.values())
    step = 0.1 if highest <= 0.5 else 0.2
    levels = step * np.arange(np.ceil(max(highest, 0.1) / step) + 1)
    box.y_max = float(levels[-1])
    ticks = [t for t in tolerances_s if t % 10 == 0] or list(tolerances_s)
    lines = [box.frame(ticks, levels, percent=True)]
    ends = _spread([box.y(values[-1]) for values in curves.values()])
    for i, (name, values) in enumerate(curves.items()):
        lines.append(box.line(np.array(tolerances_s), values, f"line kind{i}"))
        lines.append(
            f'<text class="end kind{i}" x="{box.x(box.x_max) + 6:.1f}" y="{ends[i] + 3:.1f}">'
            f"{name}</text>"
        )
    lines.append(box.caption("tolerance, s"))
    return box.svg(lines, "mAP over tolerance")


def calibration_chart(calibration: Calibration) -> str:
    """Draw the share of right spots over confidence, the diagonal, and how many spots there are."""
    box = _Box(320, 240, left=34, bottom=30)
    lines = [box.frame([0, 0.5, 1], [0, 0.25, 0.5, 0.75, 1], percent=True)]
    most = max(1, int(calibration.spots.max()))
    for i, number in enumerate(calibration.spots):
        height = 0.25 * number / most
        lines.append(
            f'<rect class="bar" x="{box.x(i / 10) + 1:.1f}" y="{box.y(height):.1f}" '
            f'width="{box.x(0.1) - box.x(0) - 2:.1f}" height="{box.y(0) - box.y(height):.1f}">'
            f"<title>{number} spots</title></rect>"
        )
    lines.append(box.line(np.array([0, 1]), np.array([0, 1]), "guide"))
    some = calibration.spots > 0
    lines.append(box.line(calibration.confidence[some], calibration.hits[some], "line"))
    for x, y in zip(calibration.confidence[some], calibration.hits[some], strict=True):
        lines.append(box.dot(x, y, f"{100 * y:.0f} % right at confidence {x:.2f}"))
    lines.append(box.caption("confidence"))
    return box.svg(lines, "share of right spots over confidence")


class _Box:
    """A plot area inside an SVG: from numbers to pixels."""

    def __init__(
        self,
        width: int,
        height: int,
        *,
        left: int,
        bottom: int,
        right: int = 8,
        x_max: float = 1.0,
    ) -> None:
        self.width, self.height = width, height
        self._left, self._bottom, self._right, self._top = left, bottom, right, 8
        self.x_max, self.y_max = float(x_max), 1.0

    def x(self, value: float) -> float:
        """Pixels from the left."""
        return self._left + float(value) / self.x_max * (self.width - self._left - self._right)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        inner = self.height - self._bottom - self._top
        return self._top + (1 - float(value) / self.y_max) * inner

    def line(self, x: np.ndarray, y: np.ndarray, css: str) -> str:
        """A polyline through the points, those that do not show left out."""
        points = [(f"{self.x(a):.1f}", f"{self.y(b):.1f}") for a, b in zip(x, y, strict=True)]
        kept = [point for i, point in enumerate(points) if i == 0 or point != points[i - 1]]
        return f'<polyline class="{css}" points="{" ".join(",".join(p) for p in kept)}"/>'

    def dot(self, x: float, y: float, title: str) -> str:
        """A point with a hover text."""
        place = f'cx="{self.x(x):.1f}" cy="{self.y(y):.1f}"'
        return f'<circle class="dot" {place} r="3.5"><title>{title}</title></circle>'

    def frame(
        self, x_ticks: Sequence[float], y_ticks: Sequence[float] | np.ndarray, percent: bool = False
    ) -> str:
        """The grid and the numbers at it."""
        parts = []
        for tick in y_ticks:
            y = self.y(tick)
            text = f"{100 * tick:.0f}" if percent else f"{tick:g}"
            parts.append(
                f'<line class="grid" x1="{self._left}" x2="{self.width - self._right}" '
                f'y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text x="{self._left - 5}" y="{y + 3:.1f}" text-anchor="end">{text}</text>'
            )
        bottom = self.height - self._bottom
        parts += [
            f'<text x="{self.x(tick):.1f}" y="{bottom + 12}" text-anchor="middle">{tick:g}</text>'
            for tick in x_ticks
        ]
        return "".join(parts)

    def caption(self, text: str) -> str:
        """What the x axis shows."""
        middle = (self._left + self.width - self._right) / 2
        return f'<text x="{middle:.1f}" y="{self.height - 3}" text-anchor="middle">{text}</text>'

    def svg(self, parts: Sequence[str], name: str) -> str:
        """The whole chart."""
        return (
            f'<svg class="chart" viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{name.replace(">", "&gt;")}">{"".join(parts)}</svg>'
        )


def _spread(places: Sequence[float], gap: float = 13) -> list[float]:
    """Move texts that would overlap apart, downwards, in their order from the top."""
    result = list(places)
    order = np.argsort(places, kind="stable")
    for above, below in itertools.pairwise(order):
        result[below] = max(result[below], result[above] + gap)
    return result
