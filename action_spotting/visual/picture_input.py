"""Which pictures an ONNX network takes, checked before memory is taken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from action_spotting.errors import InputError, UsageError
from action_spotting.io.onnx_network import MAX_INPUT_BYTES


@dataclass(frozen=True)
class PictureInput:
    """The pictures that a network takes.

    Attributes
    ----------
    batch_size
        Pictures in a call.
    side
        Their height and width.
    channels_last
        ``(batch, side, side, 3)`` instead of ``(batch, 3, side, side)``.
    """

    batch_size: int
    side: int
    channels_last: bool = False


def picture_input(
    path: Path,
    shape: tuple[int | None, ...],
    side: int | None,
    batch_size: int,
    *,
    option: str = "--size",
) -> PictureInput:
    """Tell which pictures a network takes.

    Parameters
    ----------
    path
        The network, for messages.
    shape
        Of its input; None where any size will do.
    side
        The side asked for; None: the network's.
    batch_size
        Pictures a call, where the network does not fix them.
    option
        What asks for the side, for messages.

    Returns
    -------
    PictureInput

    Raises
    ------
    InputError
        No square colour pictures, or too many or too large ones for the memory.
    UsageError
        A side is needed, or another than the network's was asked for.

    Examples
    --------
    >>> picture_input(Path("n.onnx"), (None, 3, 224, 224), None, 16)
    PictureInput(batch_size=16, side=224, channels_last=False)
    """
    fixed, last = _fixed_side(path, shape)
    if fixed and side and fixed != side:
        raise UsageError(
            f"{option} {side}: {path} was exported for {fixed}; leave {option} out, or export it "
            "with a free size"
        )
    chosen = fixed or side
    if chosen is None:
        raise UsageError(
            f"{path} takes pictures of any size: name the one that it was trained with, such as "
            f"{option} 224"
        )
    batch = batch_size if shape[0] is None else shape[0]
    need = 12 * batch * chosen * chosen  # float32, three channels
    if batch < 1 or need > MAX_INPUT_BYTES:
        raise InputError(
            f"{path}: {batch} pictures of {chosen} x {chosen} a call take {need / 2**30:.1f} GB, "
            f"of {MAX_INPUT_BYTES / 2**30:.0f} allowed; a smaller --batch_size or {option}"
        )
    return PictureInput(batch, chosen, last)


def _fixed_side(path: Path, shape: tuple[int | None, ...]) -> tuple[int | None, bool]:
    """Give the side that an input fixes, and whether its channels come last."""
    last = shape[3:] == (3,) and shape[1] != 3
    order = (3, 1, 2) if last else (1, 2, 3)
    channels, height, width = (shape[i] if len(shape) == 4 else 0 for i in order)
    if channels not in (3, None) or (height and width and height != width):
        raise InputError(
            f"{path}: its input is {shape}; pictures (batch, 3, side, side) or (batch, side, "
            "side, 3) are expected"
        )
    return height or width, last
