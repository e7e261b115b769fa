"""Where the files of a match lie: ``<root>/<league>/<season>/<game>/``.

File names are composed here and nowhere else.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from action_spotting.dataset.media import Clip
from action_spotting.dataset.media_names import (
    SOUND_SUFFIXES,
    VIDEO_STEMS,
    VIDEO_SUFFIXES,
    number_of_media,
)
from action_spotting.dataset.roots import place, places
from action_spotting.dataset.video_ini import read_video_ini
from action_spotting.errors import InputError, UsageError, unknown

LABEL_FILES = {1: "Labels.json", 2: "Labels-v2.json"}
PREDICTION_FILES = {1: "Predictions-v1.json", 2: "Predictions-v2.json"}
JSON_FEATURES = ("player_boundingbox_maskrcnn", "field_calib_ccbv")
_FEATURE_FILE = re.compile(r"([1-9]\d*)_(.+)\.npy")


@dataclass(frozen=True)
class Half:
    """One half of one game; the unit of work of every stage.

    Attributes
    ----------
    root
        The dataset folder.
    game
        The game's path below it, with ``/``: SoccerNet's ``UrlLocal``.
    number
        1 or 2.

    Examples
    --------
    >>> half = Half(Path("data"), "league/2015-2016/A 1 - 0 B", 1)
    >>> half.feature("ResNET_TF2_PCA512").as_posix()
    'data/league/2015-2016/A 1 - 0 B/1_ResNET_TF2_PCA512.npy'
    """

    root: Path
    game: str
    number: int

    @property
    def folder(self) -> Path:
        """The game's folder."""
        return self.root / self.game

    def feature(self, name: str) -> Path:
        """Give the path of a feature file, ``<n>_<name>.npy`` in the game's folder.

        Parameters
        ----------
        name
            The feature, such as ``ResNET_TF2_PCA512``.

        Returns
        -------
        pathlib.Path
            Where it lies (see `action_spotting.dataset.roots`); where it would be made if it is
            nowhere.
        """
        paths = (feature_path(p / self.game, self.number, name) for p in places(self.root))
        return next(filter(_is_seen, paths), self.target(name))

    def target(self, name: str) -> Path:
        """Give the path where a feature file is made, there or not.

        Parameters
        ----------
        name
            The feature.

        Returns
        -------
        pathlib.Path
            In the game's folder, or as `action_spotting.dataset.roots` has it.
        """
        return feature_path(place(self.root) / self.game, self.number, name)

    def features(self) -> list[str]:
        """List the features of this half that lie in the folder.

        Returns
        -------
        list of str
            Their names, sorted; none where the folder cannot be read.

        Examples
        --------
        >>> import tempfile
        >>> half = Half(Path(tempfile.mkdtemp()), "", 1)
        >>> half.feature("FFT").touch()
        >>> half.features()
        ['FFT']
        """
        names: list[str] = []
        for root in places(self.root):
            with contextlib.suppress(InputError):  # `clip` tells
                names += replace(self, root=root)._names()
        found = filter(None, (parse_feature(Path(name)) for name in names))
        return sorted({name for number, name in found if number == self.number})

    def clip(self, video: str = "LQ", *, sound_files: bool = False) -> Clip:
        """Find the media of this half.

        Parameters
        ----------
        video
            ``LQ`` (``1_224p.mkv`` or ``1.mkv``), ``720p`` (``1_720p.mkv``) or ``HQ``: the file,
            start and duration that ``video.ini`` gives.
        sound_files
            Take ``1.wav``, ``1_224p.mp3`` … where there is no video.

        Returns
        -------
        Clip
            The file, and for ``HQ`` the part of it that is the half.

        Raises
        ------
        UsageError
            Unknown kind of video.
        InputError
            The half has no such media; says which it has instead. Or HQ media without video.ini.

        Examples
        --------
        >>> import tempfile
        >>> half = Half(Path(tempfile.mkdtemp()), "", 1)
        >>> (half.folder / "1_224p.mkv").touch()
        >>> half.clip().path.name
        '1_224p.mkv'
        """
        if video not in VIDEO_STEMS:
            raise UsageError(unknown("video", video, VIDEO_STEMS))
        names = self._names()
        if video == "HQ" and "video.ini" in names:
            return read_video_ini(self.folder / "video.ini", self.number)
        found = self._media(names, video, sound_files)
        if found and video == "HQ":
            raise InputError(
                f"{found}: no video.ini beside it, which tells where the half lies in it; fetch "
                "SoccerNet's, or name the file 1.mkv if it is the half and nothing else"
            )
        if found:
            return Clip(found)
        others = [kind for kind in VIDEO_STEMS if self._media(names, kind, sound_files)]
        hint = f"; there is {others[0]} media (--video {others[0]})" if others else ""
        if not others and (strange := self._strange(names)):
            hint = f"; {strange} is there, but its suffix is not one of a video that is taken"
        wanted = " or ".join(stem.format(n=self.number) + ".mkv" for stem in VIDEO_STEMS[video])
        raise InputError(f"{self.folder}: half {self.number} has no {wanted}{hint}")

    def _names(self) -> list[str]:
        """The names of all files in the folder, sorted."""
        try:
            return sorted(path.name for path in self.folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be read: {error.strerror}") from error

    def _media(self, names: list[str], video: str, sound_files: bool) -> Path | None:
        there = {(Path(name).stem, Path(name).suffix.lower()): name for name in names}
        suffixes = VIDEO_SUFFIXES + (SOUND_SUFFIXES if sound_files else ())
        for stem in VIDEO_STEMS[video]:
            for suffix in suffixes:
                name = there.get((stem.format(n=self.number), suffix))
                if name and (self.folder / name).is_file():
                    return self.folder / name
        return None

    def _strange(self, names: list[str]) -> str | None:
        return next((name for name in names if number_of_media(name) == self.number), None)


def _is_seen(path: Path) -> bool:
    """Tell whether a file is there, or in a folder that may not be read: who reads it is told."""
    try:
        return path.exists()
    except PermissionError:
        return True


def is_of_game(name: str) -> bool:
    """Tell whether a file of this name shows that its folder is a game's.

    Parameters
    ----------
    name
        The file's name.

    Returns
    -------
    bool
        True for labels, and for media and features of a half; also for media of a kind that is not
        taken, so that it can be named.

    Examples
    --------
    >>> [is_of_game(name) for name in ("1_720p.mkv", "2.MTS", "1_FFT.npy", "1.braw", "1.jpg")]
    [True, True, True, True, False]
    """
    feature = parse_feature(Path(name))
    number = feature[0] if feature else number_of_media(name)
    return number in (1, 2) or name in LABEL_FILES.values()


def feature_path(folder: Path, half: int | str, name: str) -> Path:
    """Compose the path of a feature file in a game's folder.

    Parameters
    ----------
    folder
        The game's folder.
    half
        The half's number or, in a folder of any media, the stem of the media file.
    name
        The feature, such as ``FFT``.

    Returns
    -------
    pathlib.Path
        ``<folder>/<half>_<name>.npy``.
    """
    return folder / f"{half}_{name}.npy"


def released_path(folder: Path, half: int, name: str) -> Path:
    """Compose the path of a feature as SoccerNet released it: boxes and calibrations are JSON.

    Parameters
    ----------
    folder
        The game's folder.
    half
        The half's number.
    name
        The feature, such as ``ResNET_TF2`` or ``field_calib_ccbv``.

    Returns
    -------
    pathlib.Path
        ``<folder>/<half>_<name>.npy`` or ``.json``.

    Examples
    --------
    >>> released_path(Path("game"), 1, "field_calib_ccbv").as_posix()
    'game/1_field_calib_ccbv.json'
    """
    path = feature_path(folder, half, name)
    return path.with_suffix(".json") if name in JSON_FEATURES else path


def parse_feature(path: Path) -> tuple[int, str] | None:
    """Split a feature file's path into the half's number and the feature's name.

    Parameters
    ----------
    path
        Of any file.

    Returns
    -------
    tuple of int and str, or None
        None for a file that is not a feature of a half.

    Examples
    --------
    >>> parse_feature(Path("game/1_ResNET_TF2.npy"))
    (1, 'ResNET_TF2')
    """
    found = _FEATURE_FILE.fullmatch(path.name)
    return (int(found[1]), found[2]) if found else None


def feature_name(path: Path) -> str:
    """Give the feature's name in a feature file's path.

    Parameters
    ----------
    path
        Of a feature file, of a half or of any media.

    Returns
    -------
    str
        Empty where the path has none.

    Examples
    --------
    >>> feature_name(Path("1_ResNET_TF2.npy")), feature_name(Path("match_FFT.npy"))
    ('ResNET_TF2', 'FFT')
    """
    return path.stem.partition("_")[2]


def side_path(feature: Path, suffix: str) -> Path:
    """Compose the path of a file that lies beside a feature file and goes with it.

    Parameters
    ----------
    feature
        The feature file.
    suffix
        What the name ends with: ``_boxes.npz``, ``.json`` …

    Returns
    -------
    pathlib.Path
        In the same folder.

    Examples
    --------
    >>> side_path(Path("1_YOLOv5.npy"), "_boxes.npz").name
    '1_YOLOv5_boxes.npz'
    """
    return feature.with_name(feature.stem + suffix)


def labels_path(root: Path, game: str, version: int = 2) -> Path:
    """Compose the path of a game's labels.

    Parameters
    ----------
    root
        The dataset folder.
    game
        The game's path below it.
    version
        Of the labels, 1 or 2.

    Returns
    -------
    pathlib.Path
        Of its ``Labels.json`` (version 1) or ``Labels-v2.json``.

    Examples
    --------
    >>> labels_path(Path("data"), "league/season/game").as_posix()
    'data/league/season/game/Labels-v2.json'
    """
    return root / game / LABEL_FILES[version]


def predictions_path(root: Path, game: str, version: int = 2) -> Path:
    """Compose the path of a game's predictions.

    Parameters
    ----------
    root
        The results folder.
    game
        The game's path below it.
    version
        Of the classes, 1 or 2.

    Returns
    -------
    pathlib.Path
        Of its ``Predictions-v1.json`` or ``Predictions-v2.json``.

    Examples
    --------
    >>> predictions_path(Path("results"), "league/season/game").as_posix()
    'results/league/season/game/Predictions-v2.json'
    """
    return root / game / PREDICTION_FILES[version]


def relative(path: Path, folder: Path) -> str:
    """Give `path` as seen from `folder`.

    Parameters
    ----------
    path, folder
        Of any file and any folder, there or not.

    Returns
    -------
    str
        With ``/``; begins with ``..`` where the file is outside the folder.
    """
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
