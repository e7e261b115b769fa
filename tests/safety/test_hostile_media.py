"""Media that point elsewhere, and names that look like commands: nothing but the file is read."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from action_spotting.audio.decode import open_sound
from action_spotting.dataset.events import Events
from action_spotting.dataset.media import Clip, probe
from action_spotting.errors import InputError, SpottingError
from action_spotting.export.overlay import overlay
from action_spotting.export.reel import highlights
from action_spotting.export.thumbnails import thumbnails
from action_spotting.export.timeline import build_timeline
from action_spotting.io.ffmpeg import ffmpeg_exe
from action_spotting.visual.frames import FrameOptions, with_frames
from action_spotting.visual.packet_index import Scan
from action_spotting.visual.readers import open_reader

NAMES = (
    *("-i.mkv", "-y", "--help.mkv", "%d.mkv", "frame%03d.mkv", "a%05d.mp4", '\'"`$(id)`".mkv'),
    *("new\nline.mkv", "ünïcödé ⚽.mkv", " lead.mkv", "a:b.mkv", "file:x.mkv", "http:x.mkv"),
    *("pipe:0", "concat:a|b.mkv", "data:,x.mkv", "subfile,,start,0,,:x.mkv", "!filesrc.mkv"),
    *("a?b#c.mkv", "a\\b.mkv", "tee:[x]|[y].mkv", "a&b;c.mkv"),
)


@pytest.fixture(autouse=True)
def bare_opencv(monkeypatch) -> None:
    """Our reader sets OpenCV's options for the whole process; a loader without care has none."""
    monkeypatch.delenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", raising=False)


class Listener:
    """Counts who connects to it; answers nothing."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                connection.close()

    def wait(self) -> int:
        """Give the connections, after a moment for the first one."""
        ends = time.monotonic() + 5
        while not self.connections and time.monotonic() < ends:
            time.sleep(0.01)
        return self.connections

    def close(self) -> None:
        """Stop."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A server on this machine."""
    listening = Listener()
    yield listening
    listening.close()


def frames(path: Path, grabber: str) -> int:
    return with_frames(Clip(path), FrameOptions(grabber=grabber), lambda f: sum(1 for _ in f))


def sound(path: Path) -> int:
    with open_sound(path) as track:
        return sum(len(samples) for _, samples in track.pieces())


def match_of(path: Path):
    one = np.array([1])
    spots = Events(one, 500 * one, 0 * one, 0.9 * one, classes=("Goal",))
    return build_timeline("game", spots, {1: Clip(path)})


OURS = {
    "probe": lambda path, _: probe(path).has_picture,
    "pyav": lambda path, _: frames(path, "pyav"),
    "opencv": lambda path, _: frames(path, "opencv"),
    "sound": lambda path, _: sound(path),
    "reel": lambda path, out: highlights(match_of(path), out / "reel.mp4"),
    "overlay": lambda path, out: overlay(match_of(path), out / "overlay.mp4"),
    "thumbnails": lambda path, _: thumbnails(match_of(path)),
}
"""All ways in which media are read here."""


def pointers(address: str, other: Path) -> dict[str, bytes]:
    """Files that name an address or another file to be read in their place."""
    mpd = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" mediaPresentationDuration="PT2S">'
        '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1">'
        f"<BaseURL>{address}</BaseURL><SegmentList><SegmentURL media='a.mp4'/></SegmentList>"
        "</Representation></AdaptationSet></Period></MPD>"
    )
    sdp = (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        "m=video 5004 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    )
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"
    return {
        "hls to a server": hls.format(f"{address}/a.ts").encode(),
        "hls to a file": hls.format(f"file://{other}").encode(),
        "hls behind a byte order mark": b"\xef\xbb\xbf" + hls.format(f"{address}/a.ts").encode(),
        "concat to a server": f"ffconcat version 1.0\nfile '{address}/a.mkv'\n".encode(),
        "concat to a file": f"ffconcat version 1.0\nfile '{other}'\n".encode(),
        "concat to a neighbour": b"ffconcat version 1.0\nfile outside/other.ts\n",
        "dash": mpd.encode(),
        "sdp": sdp.encode(),
    }


KINDS = tuple(pointers("", Path()))


@pytest.fixture
def elsewhere(tone_video, tmp_path) -> Path:
    """Media outside the folder of the game."""
    (tmp_path / "outside").mkdir()
    other = tmp_path / "outside" / "other.ts"
    command = [ffmpeg_exe(), "-v", "error", "-i", str(tone_video), "-c", "copy", str(other)]
    subprocess.run(command, check=True, timeout=60)
    return other


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_file_makes_us_read_another_or_the_network(kind, suffix, tmp_path, elsewhere, listener):
    path = tmp_path / f"1_224p{suffix}"
    path.write_bytes(pointers(f"http://127.0.0.1:{listener.port}", elsewhere)[kind])
    for name, read in OURS.items():
        with pytest.raises(InputError, match="playlist or another pointer") as refused:
            read(path, tmp_path)
        assert str(path) in str(refused.value), name
    assert listener.connections == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, "outside"]


def naive_frames(path: str, **options: str) -> int:
    with av.open(path, options=options) as container:
        return sum(1 for _ in container.decode(video=0))


def naive_cv2(path: str) -> int:
    video, count = cv2.VideoCapture(path), 0
    while video.read()[0]:
        count += 1
    return count


def naive_program(path: str) -> int:
    command = [ffmpeg_exe(), "-v", "info", "-nostdin", "-i", path, "-f", "null", "-"]
    done = subprocess.run(command, check=False, timeout=60, capture_output=True, text=True)
    return int(re.findall(r"frame= *(\d+)", done.stderr)[-1]) if done.returncode == 0 else 0


NAIVE = [naive_frames, naive_cv2, naive_program]


@pytest.mark.parametrize("load", NAIVE)
def test_a_loader_without_care_shows_another_file(load, tmp_path, elsewhere):
    path = tmp_path / "1_224p.mkv"
    path.write_bytes(pointers("", elsewhere)["concat to a neighbour"])
    assert load(str(path)) == 50


@pytest.mark.parametrize("load", NAIVE)
def test_a_loader_without_care_connects_where_a_name_says(load, listener):
    """And ours takes the same text for the name of a file that is not there."""
    address = f"http://127.0.0.1:{listener.port}/1_224p.mkv"
    for read in (probe, sound, lambda path: frames(path, "opencv")):
        with pytest.raises(InputError, match="no such file"):
            read(Path(address))
    assert listener.connections == 0
    with contextlib.suppress(av.FFmpegError):
        load(address)
    assert listener.wait() >= 1


def test_a_loader_that_allows_the_network_connects_where_a_file_says(tmp_path, elsewhere, listener):
    """ffmpeg keeps files from doing that by default; OpenCV's environment is often set so."""
    path = tmp_path / "1_224p.m3u8"
    files = pointers(f"http://127.0.0.1:{listener.port}", elsewhere)
    path.write_bytes(files["hls to a server"])
    with contextlib.suppress(av.FFmpegError):
        naive_frames(str(path), protocol_whitelist="file,http,tcp")
    assert listener.wait() >= 1


@pytest.mark.parametrize("grabber", ["opencv", "pyav"])
def test_a_looser_environment_does_not_loosen_us(
    grabber, tmp_path, elsewhere, listener, monkeypatch
):
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "protocol_whitelist;file,http,tcp")
    path = tmp_path / "1_224p.mkv"
    shutil.copy(elsewhere, path)
    reader = open_reader(path, grabber)
    files = pointers(f"http://127.0.0.1:{listener.port}", elsewhere)
    for kind, data in files.items():
        path.write_bytes(data)  # it changes after it was looked at
        with pytest.raises(InputError):
            list(reader.images([0], Scan(25.0, 2.0, np.arange(50) / 25, None)))
        assert listener.connections == 0, kind


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_name(name, tone_video, tmp_path, monkeypatch):
    """Relative names too, which are what a command would see first."""
    shutil.copy(tone_video, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    assert probe(path).fps == 25
    assert frames(path, "pyav") == frames(path, "opencv") == 4
    assert sound(path) > 31_000


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_exports_take_any_name(name, tone_video, tmp_path, monkeypatch):
    shutil.copy(tone_video, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    target = Path(f"{name.replace('/', '_')}.out.mp4")
    highlights(match_of(Path(name)), target)
    assert probe(target).has_picture
    assert len(thumbnails(match_of(Path(name)))) == 1
    assert {p.name for p in Path().iterdir()} == {name, target.name}


def test_names_that_are_no_text_are_read_or_refused(tone_video, tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.mkv"))
    shutil.copy(tone_video, path)
    for read in (probe, sound, lambda p: frames(p, "opencv")):
        with contextlib.suppress(SpottingError):
            read(path)


def test_pictures_that_a_pattern_names_are_no_video(tmp_path):
    """OpenCV and ffmpeg take ``%d`` in a name for a row of pictures: here it is refused."""
    for i in range(3):
        Image.new("RGB", (398, 224)).save(tmp_path / f"frame{i}.png")
    assert cv2.VideoCapture(str(tmp_path / "frame%d.png")).read()[0]
    for read in (probe, sound, lambda p: frames(p, "opencv"), lambda p: frames(p, "pyav")):
        with pytest.raises(InputError, match="no such file"):
            read(tmp_path / "frame%d.png")
    Image.new("RGB", (398, 224)).save(tmp_path / "frame%d.png")
    with pytest.raises(InputError, match="not a media file"):
        probe(tmp_path / "frame%d.png")


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_never_ends_is_not_opened(kind, tmp_path):
    path = tmp_path / "1_224p.mkv"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    for read in (probe, sound, lambda p: frames(p, "opencv")):
        with pytest.raises(InputError, match="a pipe or a device"):
            read(path)
