"""Which features of a folder a head is trained on where none are named."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Sequence

from action_spotting.dataset.feature_types import MODALITIES, base_of, feature_type, pca_of
from action_spotting.dataset.layout import Half
from action_spotting.dataset.rates import names_its_rate
from action_spotting.dataset.records import read_record
from action_spotting.errors import InputError


def features_there(halves: Iterable[Half]) -> tuple[set[str], set[str]]:
    """List the features that lie in the folders of halves.

    Parameters
    ----------
    halves
        The halves.

    Returns
    -------
    known
        Those whose rows a second are known by their name or by a record.
    unknown
        The others.
    """
    known: set[str] = set()
    there: set[str] = set()
    for half in halves:
        for name in {*half.features()} - known:
            there.add(name)
            with contextlib.suppress(InputError):  # told when the file is used
                if feature_type(name) or names_its_rate(read_record(half.feature(name))):
                    known.add(name)
    return known, there - known


def default_modalities(
    there: Collection[str], made: Collection[str] = (), order: Sequence[str] = MODALITIES
) -> tuple[str, ...]:
    """Choose the modalities that a folder has or can make.

    Parameters
    ----------
    there
        Names of the features that lie in the folder.
    made
        Names of those that can be made of what lies there.
    order
        Which of them come first.

    Returns
    -------
    tuple of str
        In that order, then the others that are there; of a feature and its reduction one.

    Examples
    --------
    >>> default_modalities({"ResNET_TF2", "FFT"}, {"ResNET_TF2_PCA512"})
    ('ResNET_TF2_PCA512', 'FFT')
    >>> default_modalities({"baidu_soccer_embeddings", "FFT"})
    ('FFT', 'baidu_soccer_embeddings')
    """
    names = [name for name in order if name in there or name in made]
    for name in sorted({*there} - {*names}, key=lambda name: (not pca_of(name), name)):
        if base_of(name) not in map(base_of, names):
            names.append(name)
    return tuple(names)


def told(names: Sequence[str], unknown: Collection[str] = (), order: Sequence[str] = ()) -> str:
    """Say in one line which modalities were chosen.

    Parameters
    ----------
    names
        The modalities.
    unknown
        Features that lie there, left out because their rows a second are not known.
    order
        Those that one would expect.

    Returns
    -------
    str
        The line.

    Examples
    --------
    >>> told(["FFT"], ["Mine"], ["FFT", "VGGish"])
    'modalities: FFT; without VGGish; without Mine (--modalities and --rate name it and its rate)'
    """
    parts = [f"modalities: {', '.join(names)}"]
    if lacking := [name for name in order if name not in names]:
        parts.append(f"without {', '.join(lacking)}")
    if unknown:
        left = ", ".join(sorted(unknown))
        parts.append(f"without {left} (--modalities and --rate name it and its rate)")
    return "; ".join(parts)
