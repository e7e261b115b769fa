"""Why no GPU can be used."""

from __future__ import annotations

from ctypes.util import find_library
from pathlib import Path

_DRIVER = Path("/proc/driver/nvidia/version")
_WHEELS = {
    "tensorflow": 'pip install "tensorflow[and-cuda]"',
    "torch": "install the CUDA build of torch, see pytorch.org",
    "jax": 'pip install "jax[cuda12]"',
    "onnxruntime": "pip install onnxruntime-gpu in place of onnxruntime",
}


def why_none(package: str) -> str:
    """Say why a package sees no GPU: there is no driver, or it is not built for one.

    Parameters
    ----------
    package
        tensorflow, torch, jax or onnxruntime.

    Returns
    -------
    str
        A part of a sentence, and what to do.
    """
    if not (_DRIVER.exists() or find_library("cuda")):
        return "there is no NVIDIA driver here"
    return f"there is an NVIDIA driver, but {package} as installed has no CUDA: {_WHEELS[package]}"
