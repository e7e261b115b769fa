"""Names and times as texts that every program reads."""

from __future__ import annotations

import re

PLAIN_NAMES = {
    "Yellow->red card": "Second yellow card",
    "card": "Card",
    "subs": "Substitution",
    "soccer": "Goal",
}
"""Names for people where the class's own will not do."""


def plain_name(label: str) -> str:
    """Give a class's name without what some programs cannot read.

    >>> plain_name("Yellow->red card"), plain_name('Offside & "Goal"\\n')
    ('Second yellow card', 'Offside Goal')
    """
    return PLAIN_NAMES.get(label) or one_line(re.sub(r"[<>&\"']", " ", label))


def one_line(text: str) -> str:
    """Squeeze all white space and control characters of `text` into single blanks."""
    odd = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]"
    return " ".join(re.sub(odd, " ", text).split())


def clock(ms: int, separator: str = ".") -> str:
    """Word a time as hours, minutes, seconds and thousandths.

    >>> clock(3723004), clock(0, ",")
    ('01:02:03.004', '00:00:00,000')
    """
    seconds, thousandths = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{separator}{thousandths:03d}"


def rounded(share: float | None) -> float | None:
    """Round a confidence or a probability to the six digits that files have; None stays None."""
    return None if share is None else round(share, 6)
