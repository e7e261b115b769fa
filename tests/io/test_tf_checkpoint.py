"""Checkpoints: as TensorFlow writes them, and as it would not."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from action_spotting.errors import InputError, SpottingError, UsageError
from action_spotting.io.tf_checkpoint import Checkpoint, checkpoint_files

VALUES = {
    "vggish/conv1/weights": np.arange(12, dtype=np.float32).reshape(2, 3, 2),
    "vggish/conv1/biases": np.array([0.5, -1.5], np.float32),
    "step": np.float32(7),
    "wide": np.linspace(0, 1, 5),
}


def save(path: Path, version: int) -> Path:
    """Let TensorFlow write `VALUES`; version 1 is one file."""
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session() as session:
        made = {
            name: tf.compat.v1.get_variable(name, initializer=tf.constant(value))
            for name, value in VALUES.items()
        }
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(made, write_version=version)
        saver.save(session, str(path), write_meta_graph=False, write_state=False)
    return path


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return {version: save(folder / f"v{version}", version) for version in (1, 2)}


@pytest.mark.slow
@pytest.mark.parametrize("version", [1, 2])
def test_every_variable_is_read_as_it_was_written(saved, version):
    checkpoint = Checkpoint(saved[version])
    assert checkpoint.shapes == {name: np.shape(value) for name, value in VALUES.items()}
    for name, value in VALUES.items():
        read = checkpoint.read(name)
        assert read.dtype == np.asarray(value).dtype
        np.testing.assert_array_equal(read, value)


@pytest.mark.slow
def test_the_files_are_named(saved):
    assert checkpoint_files(saved[1]) == [saved[1]]
    names = [path.name for path in checkpoint_files(saved[2])]
    assert names == ["v2.data-00000-of-00001", "v2.index"]
    with pytest.raises(UsageError, match="no such file or checkpoint"):
        Checkpoint(saved[1].with_name("none"))


@pytest.mark.slow
def test_text_is_left_out(tmp_path):
    import tensorflow as tf

    tf.train.Checkpoint(v=tf.Variable([1.0]), s=tf.Variable("text")).write(str(tmp_path / "c"))
    assert list(Checkpoint(tmp_path / "c").shapes) == ["v/.ATTRIBUTES/VARIABLE_VALUE"]


@pytest.mark.slow
@pytest.mark.parametrize("version", [1, 2])
def test_a_changed_byte_or_a_cut_is_read_or_refused_in_words(saved, tmp_path, version):
    files = {path: path.read_bytes() for path in checkpoint_files(saved[version])}
    changed = next(path for path in files if version == 1 or path.suffix == ".index")
    generator = random.Random(version)
    refused = 0
    for _ in range(400):
        content = bytearray(files[changed])
        for _ in range(generator.choice([1, 1, 2, 8])):
            content[generator.randrange(len(content))] = generator.randrange(256)
        if generator.random() < 0.1:
            del content[generator.randrange(len(content)) :]
        for path, data in files.items():
            (tmp_path / path.name).write_bytes(bytes(content) if path == changed else data)
        try:
            checkpoint = Checkpoint(tmp_path / saved[version].name)
            for name in checkpoint.shapes:
                checkpoint.read(name)
        except SpottingError:
            refused += 1
    assert refused > 100


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def table(entries: list[tuple[bytes, bytes]], *, kind: int = 0) -> bytes:
    """Write a LevelDB table of one block; `kind` 1 says that it is compressed."""

    def block(pairs: list[tuple[bytes, bytes]]) -> bytes:
        body = b"".join(
            b"\0" + varint(len(key)) + varint(len(value)) + key + value for key, value in pairs
        )
        return body + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")

    data = block(entries)
    index = block([(b"z", varint(0) + varint(len(data)))])
    after = len(data) + 5
    footer = varint(0) + varint(0) + varint(after) + varint(len(index))
    magic = (0xDB4775248B80FB57).to_bytes(8, "little")
    trailer = bytes([kind]) + b"\0" * 4
    return data + trailer + index + b"\0" * 5 + footer.ljust(40, b"\0") + magic


def bundle(folder: Path, entry: bytes, *, kind: int = 0, shards: int = 1) -> Path:
    """Write a version-2 checkpoint with one variable ``x`` and 16 bytes of data."""
    (folder / "c.index").write_bytes(table([(b"", field(1, shards)), (b"x", entry)], kind=kind))
    (folder / "c.data-00000-of-00001").write_bytes(np.arange(4, dtype="<f4").tobytes())
    return folder / "c"


def shape(*sides: int) -> bytes:
    return field(2, b"".join(field(2, field(1, side)) for side in sides))


def test_a_table_written_by_hand_is_read(tmp_path):
    entry = field(1, 1) + shape(2, 2) + field(5, 16)
    np.testing.assert_array_equal(Checkpoint(bundle(tmp_path, entry)).read("x"), [[0, 1], [2, 3]])


@pytest.mark.parametrize(
    "entry",
    [
        field(1, 1) + shape(2**64 - 1) + field(5, 16),
        field(1, 1) + shape(2**62, 8) + field(5, 16),
        field(1, 1) + shape(*[1] * 300) + field(5, 4),
        field(1, 1) + shape(2, 2) + field(4, 2**60) + field(5, 16),
        field(1, 1) + shape(2, 2) + field(5, 12),
        field(1, 1) + shape(8) + field(5, 32),
        field(1, 1) + shape(2, 2) + field(3, 7) + field(5, 16),
        field(1, 1) + field(2, 5) + field(5, 16),
        b"\xff" * 20,
        b"\x0a\x7f",
    ],
)
def test_numbers_that_do_not_fit_the_files_are_refused(tmp_path, entry):
    with pytest.raises(InputError, match="not a TensorFlow checkpoint"):
        Checkpoint(bundle(tmp_path, entry))


@pytest.mark.parametrize("kind", [0, 9999])
def test_a_type_that_is_no_number_is_left_out(tmp_path, kind):
    assert Checkpoint(bundle(tmp_path, field(1, kind) + shape(4) + field(5, 16))).shapes == {}


def test_what_else_is_refused(tmp_path):
    entry = field(1, 1) + shape(4) + field(5, 16)
    with pytest.raises(InputError, match="compressed"):
        Checkpoint(bundle(tmp_path, entry, kind=1))
    with pytest.raises(InputError, match="no such|cannot be read"):
        Checkpoint(bundle(tmp_path, entry, shards=2))
    (tmp_path / "c.index").write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        Checkpoint(tmp_path / "c")
