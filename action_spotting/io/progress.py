"""Progress of long work: a bar on a terminal, elsewhere a line in the log every half-minute."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

from tqdm import tqdm

EVERY_S = 30.0
QUIET = "TQDM_DISABLE"
"""Set, no bar is shown and no line is logged: this variable is tqdm's own."""

SECONDS = "{n:.0f}/{total:.0f} s of media [{elapsed}<{remaining}, {rate_noinv_fmt}]"
"""How far work has come that is counted in seconds of media; the rate is in seconds of media a
second."""

COUNT = "{n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"

logger = logging.getLogger(__name__)


class Progress(tqdm):  # type: ignore[type-arg, unused-ignore]
    """How far some work has come, its rate, and the time that is left.

    Parameters
    ----------
    total
        How much there is to do.
    what
        What is done.
    unit
        What is counted.
    shown
        How the numbers read: `COUNT` or `SECONDS`.
    **how
        For tqdm.

    Examples
    --------
    >>> with Progress(3, "halves", "half") as bar:
    ...     bar.update(2)
    ...     bar.n
    2
    """

    def __init__(
        self, total: float | None, what: str, unit: str, *, shown: str = COUNT, **how: Any
    ) -> None:
        off = True if os.environ.get(QUIET) else None  # None: where there is no terminal
        self.shown, self.what, self.began = shown, what, time.monotonic()
        self.told, self.silent = self.began, bool(off)
        how |= {"desc": what, "unit": unit, "disable": off, "dynamic_ncols": True}
        super().__init__(
            total=total, bar_format="{desc}: {percentage:3.0f}%|{bar}| " + shown, **how
        )
        self.unit, self.total = unit, total

    def update(self, n: float | None = 1) -> bool | None:
        """Count `n` more, to the total at most."""
        n, total = n or 0, self.total
        if total:
            n = min(n, total - self.n)
        if not self.disable:
            return super().update(n)
        self.n += n
        self.tick()
        return None

    def reach(self, n: float, total: float | None = None) -> None:
        """Set what is done, and the total where it is known better by now."""
        self.n, self.total = n, total or self.total
        if self.disable:
            self.tick()
        else:
            self.refresh()

    def tick(self) -> None:
        """Log how far the work is, every half-minute, where there is no bar."""
        now = time.monotonic()
        if not self.disable or self.silent or now - self.told < EVERY_S:
            return
        self.told = now
        logger.info(
            "%s",
            tqdm.format_meter(
                self.n,
                self.total or 0,
                now - self.began,
                prefix=self.what,
                unit=self.unit,
                bar_format="{desc}: {percentage:.0f} %, " + self.shown,
            ),
        )
