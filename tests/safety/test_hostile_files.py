"""Files made to attack: each is refused by name, and each works on a loader without care."""

from __future__ import annotations

import gc
import pickle
import struct
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from action_spotting.dataset.features import open_feature
from action_spotting.dataset.tree import open_tree
from action_spotting.errors import InputError, SpottingError
from action_spotting.io.files import MAX_JSON_BYTES
from action_spotting.io.pickles import read_pickle
from action_spotting.io.zips import read_npz
from tests.safety.growth import BOMB_BYTES, BOMB_MIB, LITTLE_MIB, growth_mib


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self._path,)


# pickles


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_executes(protocol, tmp_path):
    path, harm = tmp_path / "pca.pkl", tmp_path / "harm"
    path.write_bytes(pickle.dumps({"components_": Touch(harm)}, protocol))
    with pytest.raises(InputError, match=r"(_|getattr|Path|builtins).*not executed"):
        read_pickle(path)
    assert not harm.exists()
    pickle.loads(path.read_bytes())  # noqa: S301 - the loader without care
    assert harm.exists()


@pytest.mark.parametrize(
    ("program", "match"),
    [
        (b"cos\nsystem\n(S'true'\ntR.", "os.system"),
        (b"(S'true'\nios\nsystem\n.", "os.system"),
        (b"\x80\x02cnumpy\ndtype\nX\x01\x00\x00\x00O\x85R.", "'O' is no type of plain numbers"),
        (b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.", "bytes of an array are none"),
        (b"\x80\x02cnumpy\ndtype\n}X\x01\x00\x00\x00aK\x01sb.", "not a pickle"),
        (b"\x80\x02" + b"(" * 20_000 + b".", "more than 10000 steps"),
        (b"\x80\x04\x8e" + b"\xff" * 7 + b"\x0f.", "not a pickle"),
    ],
)
def test_pickled_programs_that_numbers_do_not_need(program, match, tmp_path):
    path = tmp_path / "pca.pkl"
    path.write_bytes(program)
    with pytest.raises(InputError, match=match):
        read_pickle(path)


def test_a_pickle_whose_key_never_ends(tmp_path):
    """A tuple of twice a tuple of twice …: 300 bytes, and 2^60 steps for its hash."""

    def nested(depth: int) -> bytes:
        steps = b"".join(bytes([ord("q"), i, ord("h"), i, 0x86]) for i in range(depth))
        return b"\x80\x02})" + steps + b"K\x01s."

    path = tmp_path / "bomb.pkl"
    path.write_bytes(nested(60))
    with pytest.raises(InputError, match="unhashable"):
        read_pickle(path)

    def seconds(depth: int) -> float:
        began = time.process_time()
        pickle.loads(nested(depth))  # noqa: S301 - the loader without care
        return time.process_time() - began

    assert seconds(22) > 20 * seconds(14)


@pytest.mark.slow
def test_a_pickle_that_takes_memory(tmp_path):
    """Five bytes that make the unpickler's store of values a gigabyte."""
    path = tmp_path / "bomb.pkl"
    path.write_bytes(b"\x80\x02K\x01r\x00\x00\x00\x01.")
    assert growth_mib(f"read_pickle(Path({str(path)!r}))") < LITTLE_MIB
    assert growth_mib(f"'naive', pickle.load(open({str(path)!r}, 'rb'))") > BOMB_MIB


# zips


def zip_of(path: Path, name: str, data: bytes, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, data)
    return path


def test_a_zip_that_climbs(tmp_path):
    """Python's own `extract` takes ``..`` out of names; a loader that joins paths does not."""
    path = zip_of(tmp_path / "slip.zip", "../../escaped.json", b"{}")
    with pytest.raises(InputError, match="leaves the archive"):
        open_tree(path, "predictions")
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            (inside / member.filename).write_bytes(archive.read(member))
    assert (tmp_path / "escaped.json").exists()


def test_a_zip_with_a_link_is_never_unpacked(tmp_path):
    info = zipfile.ZipInfo("game/Predictions-v2.json")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    tree = open_tree(tmp_path / "link.zip", "predictions")
    assert tree.read("game/Predictions-v2.json") == b"/etc/passwd"


def test_a_zip_that_states_its_size_is_refused_unread(tmp_path):
    path = zip_of(tmp_path / "bomb.zip", "a.json", bytes(MAX_JSON_BYTES + 1))
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match="bytes, more than the 67108864 allowed"):
        open_tree(path, "predictions").read("a.json")


@pytest.mark.slow
def test_a_zip_that_lies_about_its_size(tmp_path):
    """256 MiB behind "20 bytes": Python's own reader unpacks it before it compares."""
    path = zip_of(tmp_path / "bomb.zip", "a.json", bytes(BOMB_BYTES))
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 20)
    path.write_bytes(data)
    assert growth_mib(f"open_tree(Path({str(path)!r}), 'x').read('a.json')") < LITTLE_MIB
    assert growth_mib(f"read_npz(Path({str(path)!r}), 2**20)") < LITTLE_MIB
    assert growth_mib(f"'naive', zipfile.ZipFile({str(path)!r}).read('a.json')") > BOMB_MIB


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_without_bound_are_not_taken(method, tmp_path):
    path = zip_of(tmp_path / "r.zip", "a.json", b"{}", method)
    with pytest.raises(InputError, match="not compressed by deflate"):
        open_tree(path, "predictions").read("a.json")


def test_an_encrypted_zip_is_named(tmp_path):
    path = zip_of(tmp_path / "r.zip", "a.json", b"{}")
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        data[data.index(magic) + offset] |= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="encrypted"):
        open_tree(path, "predictions").read("a.json")


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_zip_that_is_not_there_is_one_error_and_no_noise(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_npz(tmp_path / "weights.npz", 1000)
    gc.collect()


def test_a_zip_whose_list_of_members_is_a_bomb(tmp_path):
    path = zip_of(tmp_path / "r.zip", "a.json", b"{}")
    data = path.read_bytes()
    end = bytearray(data[data.index(b"PK\x05\x06") :])
    struct.pack_into("<II", end, 12, 2**26, 0)
    with path.open("wb") as handle:
        handle.truncate(2**26)
        handle.seek(2**26)
        handle.write(end)
    with pytest.raises(SpottingError, match="list of members"):
        open_tree(path, "predictions")


# arrays


def test_an_npy_with_a_pickle_in_it(tmp_path):
    path, harm = tmp_path / "1_FFT.npy", tmp_path / "harm"
    np.save(path, np.array([Touch(harm)], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="not a whole .npy"):
        open_feature(path)
    np.savez(tmp_path / "a.npz", a=np.array([Touch(harm)], dtype=object))
    with pytest.raises(InputError, match="objects"):
        read_npz(tmp_path / "a.npz", 2**20)
    assert not harm.exists()
    np.load(path, allow_pickle=True)
    assert harm.exists()


def test_a_pickle_under_the_name_of_features(tmp_path):
    path, harm = tmp_path / "1_FFT.npy", tmp_path / "harm"
    path.write_bytes(pickle.dumps(Touch(harm)))
    with pytest.raises(InputError, match="not a whole .npy"):
        open_feature(path)
    assert not harm.exists()


def test_an_npy_that_states_more_than_it_holds(tmp_path):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s, 4)}"
    for rows in ("10**9", "999999999999", "-1", "-4", "9" * 400, "(1,)", "'a'"):
        text = (header % rows).ljust(500).encode()
        data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(64)
        (tmp_path / "1_FFT.npy").write_bytes(data)
        with pytest.raises(InputError, match="not a whole .npy"):
            open_feature(tmp_path / "1_FFT.npy")


@pytest.mark.slow
def test_boxes_that_unpack_to_gigabytes(tmp_path):
    path = tmp_path / "1_YOLOv5_boxes.npz"
    np.savez_compressed(path, rows=np.zeros(BOMB_BYTES // 8))
    assert path.stat().st_size < 2**21
    assert growth_mib(f"read_boxes(Path({str(path)!r}))") < LITTLE_MIB
    assert growth_mib(f"'naive', np.load({str(path)!r})['rows']") > BOMB_MIB
