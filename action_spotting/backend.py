"""The deep-learning back end: its import, without what it prints."""

from __future__ import annotations

import os
import tempfile


def load_tensorflow() -> None:
    """Import TensorFlow without the lines it prints on standard error while it starts.

    Some of them come before any setting of TensorFlow's can silence them. If the import fails,
    they are printed.
    """
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
