"""How far the memory of a process grows over a call."""

from __future__ import annotations

import subprocess
import sys

LITTLE_MIB = 60
BOMB_BYTES = 256 * 2**20
BOMB_MIB = 220


def growth_mib(call: str) -> float:
    """Run Python code in a process of its own; give how far its memory grew, in MiB."""
    code = f"""
import re
from pathlib import Path
from types import SimpleNamespace
from action_spotting.errors import SpottingError
from action_spotting.dataset.tree import open_tree
from action_spotting.visual.boxes import read_boxes
from action_spotting.io.pickles import read_pickle
from action_spotting.io.zips import read_npz
from action_spotting.io.files import read_json
import json, pickle, zipfile, numpy as np
def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
before = peak()
try:
    {call}
except Exception as error:
    assert isinstance(error, SpottingError) or "naive" in {call!r}, repr(error)
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)
