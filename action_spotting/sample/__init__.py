"""Small generated matches: what the demo, the end-to-end tests and the README's pictures need.

`make_sample` writes a set in SoccerNet's layout; `write_detector` writes a stand-in for YOLOv5
that finds the people and the ball in its pictures. Both are imported when first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from action_spotting.sample.detector import write_detector
    from action_spotting.sample.make import make_sample

__all__ = ["make_sample", "write_detector"]


def __getattr__(name: str) -> Any:
    if name == "make_sample":
        from action_spotting.sample.make import make_sample

        return make_sample
    if name == "write_detector":
        from action_spotting.sample.detector import write_detector

        return write_detector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
