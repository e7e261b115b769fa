"""Where a half lies in the HQ media: SoccerNet's ``video.ini``."""

from __future__ import annotations

import configparser
from pathlib import Path

from action_spotting.dataset.media import LONGEST_S, Clip
from action_spotting.errors import InputError
from action_spotting.io.files import is_name, read_bytes

MAX_INI_BYTES = 2**16


def read_video_ini(path: Path, number: int) -> Clip:
    """Read where a half lies in the HQ media: SoccerNet's ``video.ini``.

    The file has one section a video (``[1_HQ.mkv]``) with ``start_time_second`` and
    ``duration_second``.

    Parameters
    ----------
    path
        The ``video.ini``.
    number
        The half, 1 or 2.

    Returns
    -------
    Clip
        The video beside it, with start and duration.

    Raises
    ------
    InputError
        No section for this half, start or duration that is not a number of seconds, or a video that
        is missing or outside the game's folder.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "1_HQ.mkv").touch()
    >>> text = "[1_HQ.mkv]\\nstart_time_second = 330\\nduration_second = 2700"
    >>> (folder / "video.ini").write_text(text) > 0
    True
    >>> clip = read_video_ini(folder / "video.ini", 1)
    >>> clip.start_s, clip.duration_s
    (330.0, 2700.0)
    """
    config = configparser.RawConfigParser(strict=False)
    try:
        config.read_string(read_bytes(path, MAX_INI_BYTES).decode("utf-8-sig"))
    except (UnicodeDecodeError, configparser.Error) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    section = next((name for name in config.sections() if name.startswith(str(number))), None)
    if section is None:
        raise InputError(f"{path}: no section for half {number}, such as [{number}_HQ.mkv]")
    if Path(section).name != section or not is_name(section):
        raise InputError(f"{path}: section [{section}] is not a file beside video.ini")
    start, duration = (
        _seconds(path, config[section], key) for key in ("start_time_second", "duration_second")
    )
    if not (path.parent / section).is_file():
        raise InputError(f"{path.parent / section}: named in video.ini, but not there")
    return Clip(path.parent / section, start_s=start, duration_s=duration)


def _seconds(path: Path, section: configparser.SectionProxy, key: str) -> float:
    try:
        value = float(section[key])
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: [{section.name}] needs {key} = a number of seconds") from error
    if not 0 <= value <= LONGEST_S:
        raise InputError(f"{path}: [{section.name}] {key} = {value}: must be 0 to {LONGEST_S:g} s")
    return value
