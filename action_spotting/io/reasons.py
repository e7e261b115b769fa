"""Reasons of many items in few lines: equal ones together, no path twice in a line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath

NAMED = 3
"""So many of the items that share a reason are named."""

_BEGINS = r"(?<![^\s'\"(])"
"""Where a path begins: not within another."""


def short(item: str, text: str) -> str:
    """Leave out of a reason the item's own path, and its folder.

    >>> short("cup/a/1_FFT.npy", "cup/a/1_FFT.npy: cut short")
    'cut short'
    >>> short("cup/a/1_FFT.npy", "cup/a/1.mkv: cannot be decoded")
    '1.mkv: cannot be decoded'
    >>> short("cup/a/1_FFT.npy", "cannot write cup/a/1_FFT.npy: a pipe lies there")
    'cannot write 1_FFT.npy: a pipe lies there'
    >>> short("cup/a", "spots.edl: cup/a: 1200 spots")
    'spots.edl: 1200 spots'
    >>> short("cup/a", "results/cup/a/Predictions-v2.json: not valid JSON")
    'results/cup/a/Predictions-v2.json: not valid JSON'
    """
    text = re.sub(r"(^|(?<=: ))" + re.escape(f"{item}: "), "", text)
    folder = str(PurePath(item).parent)
    return text if folder in ("/", ".") else re.sub(_BEGINS + re.escape(folder + "/"), "", text)


def grouped(reasons: Mapping[str, str]) -> list[str]:
    """Give a line for each reason, with the items that it holds for.

    >>> grouped({f"{game}/1_FFT.npy": f"{game}/1.mkv: cut short" for game in "ABCDE"})
    ['5 times cut short: A/1_FFT.npy, B/1_FFT.npy, C/1_FFT.npy and 2 more']
    >>> grouped({"A/1_FFT.npy": "A/1.mkv: cut short"})
    ['A/1_FFT.npy: 1.mkv: cut short']
    """
    groups: dict[str, list[str]] = {}
    for item, text in reasons.items():
        groups.setdefault(kind(item, text), []).append(item)
    lines = []
    for reason, items in groups.items():
        if len(items) == 1:
            lines.append(f"{items[0]}: {short(items[0], reasons[items[0]])}")
            continue
        more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
        lines.append(f"{len(items)} times {reason}: {', '.join(items[:NAMED])}{more}")
    return lines


def kind(item: str, text: str) -> str:
    """Give what a reason has in common with that of other items: without names of its files.

    >>> kind("cup/a/1_FFT.npy", "cup/a: half 1 has no 1_224p.mkv or 1.mkv")
    'half <n> has no <n>_224p.mkv or <n>.mkv'
    """
    text = short(item, text).removeprefix(f"{PurePath(item).parent}: ")
    text = re.sub(r"^[^\s/]+\.\w{2,5}: ", "", text)
    return re.sub(r"(?<=half )\d\b|\b\d(?=(_\w+)?\.\w{2,5}\b)", "<n>", text)
