"""What users must know of published heads: licence, whom to name, what their scores mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from action_spotting.fusion.published.model import PublishedModel
from action_spotting.io.files import whole_file

NOTICE_FILE = "HEADS.txt"
RANDOM_WEIGHTS = (
    "{name} was made with random weights of its network: the spots of a head that was trained on "
    "real features mean nothing"
)


def published_of(models: Iterable[Any]) -> list[PublishedModel]:
    """Give the published heads among heads.

    Parameters
    ----------
    models
        Heads.

    Returns
    -------
    list of PublishedModel
    """
    return [model for model in models if isinstance(model, PublishedModel)]


def notice_text(models: Iterable[Any]) -> str:
    """Word licence, attribution and training of the published heads among `models`.

    Parameters
    ----------
    models
        Heads.

    Returns
    -------
    str
        A paragraph a head; empty without any.
    """
    paragraphs = []
    for model in published_of(models):
        origin = model.settings.origin
        lines = [
            f"{origin.name or origin.source}: a published head on {model.settings.modality}",
            f"licence: {origin.licence}",
            f"by: {origin.attribution}",
            f"training: {origin.protocol}",
            f"published scores: {origin.scores or 'not known'}",
            f"from: {origin.source}",
        ]
        paragraphs.append("\n  ".join(lines))
    return "\n".join(paragraphs)


def write_notice(folder: Path, models: Iterable[Any]) -> Path | None:
    """Write ``HEADS.txt`` beside predictions; None without a published head.

    Parameters
    ----------
    folder
        Where the predictions go.
    models
        Heads.

    Returns
    -------
    Path or None
        The file.
    """
    text = notice_text(models)
    if not text:
        return None
    path = folder / NOTICE_FILE
    with whole_file(path) as part:
        part.write_text(text + "\n", encoding="utf-8")
    return path


def notes_of(models: Sequence[Any], records: Mapping[str, Any]) -> list[str]:
    """Give what users must be told of heads, a sentence or two each.

    Parameters
    ----------
    models
        Heads.
    records
        Settings of the features by name; None: no record.

    Returns
    -------
    list of str
        Licence, attribution and training of each published one, then what is wrong with the
        features.
    """
    heads = published_of(models)
    told = [
        f"{origin.name or origin.source} is a published head, {origin.licence}; by "
        f"{origin.attribution}; {origin.protocol}; published: {origin.scores or 'no scores'}; "
        "its confidences are its own: no validation games tell how often they are right"
        for origin in (head.settings.origin for head in heads)
    ]
    return told + random_weights(models, records)


def random_weights(models: Iterable[Any], records: Mapping[str, Any]) -> list[str]:
    """Warn of features made with random weights, where a head was trained on released ones.

    Parameters
    ----------
    models
        Heads.
    records
        Settings of the features by name; None: no record.

    Returns
    -------
    list of str
        One warning a feature.
    """
    made = [item for model in models for item in model.provenance.items()]
    names = dict.fromkeys(name for name, settings in made if settings is None)
    return [
        RANDOM_WEIGHTS.format(name=name)
        for name in names
        if "random" in _weights(records.get(name))
    ]


def _weights(settings: Any) -> Any:
    if not isinstance(settings, dict):
        return ()
    return settings.get("weights") or _weights(settings.get("features"))
