"""Rates of features as text: the option ``--rate``, the JSON of a model, the line for people."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from action_spotting.dataset.media import LONGEST_S
from action_spotting.dataset.rates import HIGHEST_FPS, LOWEST_FPS, Rate, rate_of
from action_spotting.errors import InputError, UsageError
from action_spotting.io.files import typed

_NUMBER = r"\d+\.?\d*|\.\d+"
_OPTION = re.compile(
    rf"(?P<name>.+)=(?P<fps>{_NUMBER})(?P<offset_s>[+-](?:{_NUMBER}))?(?P<nearest>:nearest)?"
)


class _Stored(msgspec.Struct):
    """A rate in JSON."""

    fps: float
    offset_s: float
    nearest: bool = False


def parse_rates(texts: Sequence[str]) -> dict[str, Rate]:
    """Read ``--rate NAME=FPS[+OFFSET][:nearest]``.

    Parameters
    ----------
    texts
        One a feature; without an offset it is that of the name's `FeatureType`, or half a row.

    Returns
    -------
    dict of str to Rate
        By feature.

    Raises
    ------
    UsageError
        Not of this form, a rate that is not from 0.01 to 1000, or a feature named twice.

    Examples
    --------
    >>> parse_rates(["Mine=5+0.2", "Baidu=1:nearest"])["Baidu"]
    Rate(fps=1.0, offset_s=0.5, nearest=True)
    """
    rates: dict[str, Rate] = {}
    for text in texts:
        found = _OPTION.fullmatch(text)
        if not found or not LOWEST_FPS <= float(found["fps"]) <= HIGHEST_FPS:
            raise UsageError(
                f"--rate {text}: expected NAME=FPS[+OFFSET][:nearest] with {LOWEST_FPS:g} to "
                f"{HIGHEST_FPS:g} rows a second, such as baidu_soccer_embeddings=1+0.5"
            )
        name, fps, offset = found["name"], float(found["fps"]), found["offset_s"]
        if name in rates:
            raise UsageError(f"--rate {text}: {name} is named twice")
        offset_s = float(offset) if offset else rate_of(name, {"fps": fps}, fps).offset_s
        rates[name] = Rate(fps, offset_s, found["nearest"] is not None)
    return rates


def write_rates(rates: Mapping[str, Rate]) -> dict[str, dict[str, Any]]:
    """Give rates as the JSON of a model holds them.

    Parameters
    ----------
    rates
        By feature.

    Returns
    -------
    dict
        JSON-able values by feature.

    Examples
    --------
    >>> write_rates({"Mine": Rate(1.0, 0.5)})
    {'Mine': {'fps': 1.0, 'offset_s': 0.5, 'nearest': False}}
    """
    return {name: rate._asdict() for name, rate in rates.items()}


def read_rates(content: Any, names: Sequence[str], where: str) -> dict[str, Rate]:
    """Read rates from the JSON of a model.

    Parameters
    ----------
    content
        The decoded JSON.
    names
        Features that it may name.
    where
        Name of the file, for the error message.

    Returns
    -------
    dict of str to Rate
        By feature.

    Raises
    ------
    InputError
        Another form, another feature, or numbers out of range.

    Examples
    --------
    >>> read_rates({"Mine": {"fps": 1.0, "offset_s": 0.5}}, ["Mine"], "model.json")
    {'Mine': Rate(fps=1.0, offset_s=0.5, nearest=False)}
    """
    stored = typed(content, dict[str, _Stored], f"{where}: rates")
    rates = {name: Rate(*msgspec.structs.astuple(rate)) for name, rate in stored.items()}
    for name, rate in rates.items():
        usable = LOWEST_FPS <= rate.fps <= HIGHEST_FPS and abs(rate.offset_s) <= LONGEST_S
        if name not in names or not usable:
            raise InputError(f"{where}: no rate of a feature of this model: {name} {rate}")
    return rates


def told_rates(rates: Mapping[str, Rate], fps: float) -> str:
    """Say in one line which features are resampled.

    Parameters
    ----------
    rates
        By feature; those that a head reads row for row are not told.
    fps
        The head's rows a second.

    Returns
    -------
    str
        The line; empty where none is.

    Examples
    --------
    >>> told_rates({"Mine": Rate(1.0, 0.5), "FFT": Rate(2.0, 0.25)}, 2.0)
    'resampled to 2 rows a second: Mine (1 from 0.5 s on)'
    """
    parts = [
        f"{name} ({rate.fps:g} from {rate.offset_s:g} s on)"
        for name, rate in rates.items()
        if not rate.fits(fps)
    ]
    return f"resampled to {fps:g} rows a second: {', '.join(parts)}" if parts else ""
