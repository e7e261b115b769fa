"""Commands: what they share, and a module for each with its parser and `main`."""

import os
import sys
from types import TracebackType


def _end_quietly(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Show no traceback for a Ctrl-C that comes while a command is being imported."""
    if issubclass(kind, KeyboardInterrupt):
        os._exit(130)
    sys.__excepthook__(kind, error, trace)


sys.excepthook = _end_quietly
