"""The choice of the back end and of its device."""

from __future__ import annotations

import importlib.util

import pytest

from action_spotting import backend
from action_spotting.errors import UsageError


@pytest.fixture
def installed(monkeypatch):
    """Make the back ends named, and no others, the installed ones."""

    def install(*names: str) -> None:
        there = importlib.util.find_spec("json")
        monkeypatch.setattr(
            backend.importlib.util, "find_spec", lambda name: there if name in names else None
        )

    return install


@pytest.mark.parametrize(
    ("given", "there", "chosen"),
    [
        ("", ("jax", "tensorflow"), "tensorflow"),
        ("", ("jax", "torch"), "torch"),
        ("jax", ("jax", "tensorflow"), "jax"),
    ],
)
def test_the_back_end_is_chosen(monkeypatch, installed, given, there, chosen):
    monkeypatch.setenv("KERAS_BACKEND", given)
    installed(*there)
    assert backend.choose_backend() == chosen
    assert backend.os.environ["KERAS_BACKEND"] == chosen


@pytest.mark.parametrize(
    ("given", "there", "match"),
    [
        ("tensorflwo", ("tensorflow",), "unknown KERAS_BACKEND .*; did you mean 'tensorflow'"),
        (
            "jax",
            ("torch",),
            r"is not installed; pip install 'action_spotting\[jax\]', or set it to",
        ),
        ("tensorflow", ("jax",), "=tensorflow: it is not installed, or set it to jax"),
        ("torch", (), r"is not installed; pip install 'action_spotting\[torch\]'$"),
        ("", (), "one of TensorFlow, PyTorch and JAX, and none is installed; pip install"),
    ],
)
def test_a_back_end_that_is_not_there_is_told(monkeypatch, installed, given, there, match):
    monkeypatch.setenv("KERAS_BACKEND", given)
    installed(*there)
    with pytest.raises(UsageError, match=match):
        backend.choose_backend()


def test_a_gpu_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(backend, "gpus", list)
    assert str(backend.use_device(None)) == str(backend.use_device(-1)) == "CPU"
    with pytest.raises(UsageError, match="--GPU 0: .* NVIDIA driver.*; --GPU -1 is the CPU"):
        backend.use_device(0)
    monkeypatch.setattr(backend, "gpus", lambda: [backend.Gpu("one", (9, 0))] * 2)
    with pytest.raises(UsageError, match="--GPU 2: .*: it sees 2, counted from 0"):
        backend.use_device(2)


def test_hardware_for_bfloat16_is_known(monkeypatch, tmp_path):
    assert backend.has_bfloat16(backend.Gpu("A100", (8, 0)))
    assert not backend.has_bfloat16(backend.Gpu("V100", (7, 0)))
    flags = tmp_path / "cpuinfo"
    monkeypatch.setattr(backend, "CPU_FLAGS", flags)
    assert not backend.has_bfloat16(None)
    flags.write_text("flags : avx512f avx512_bf16")
    assert backend.has_bfloat16(None)
