import shutil
import subprocess

import numpy as np
import pytest
from scipy.io import wavfile

from action_spotting.dataset.media import open_media, origin_s, probe
from action_spotting.dataset.packets import length_s
from action_spotting.dataset.streams import picture_stream
from action_spotting.errors import InputError
from action_spotting.io.ffmpeg import ffmpeg_exe


def test_probe_tells_picture_and_sound(tone_video, silent_video):
    found = probe(tone_video)
    assert (found.width, found.height, found.fps, found.sounds) == (398, 224, 25, 1)
    assert found.duration_s == pytest.approx(2, abs=0.1)
    assert probe(silent_video).sounds == 0


@pytest.mark.parametrize("name", ["-i.mkv", 'it\'s "so".mkv', "new\nline.mkv", "é%d-%05d.mkv"])
def test_any_file_name_reaches_ffmpeg_as_data(tone_video, tmp_path, name):
    shutil.copy(tone_video, tmp_path / name)
    assert probe(tmp_path / name).has_picture


def test_titles_that_are_no_utf8_are_read(tone_video, tmp_path):
    path = tmp_path / "titled.mkv"
    command = [ffmpeg_exe(), "-v", "error", "-i", str(tone_video), "-c", "copy"]
    subprocess.run([*command, "-metadata", "title=GOAL", str(path)], check=True)
    path.write_bytes(path.read_bytes().replace(b"GOAL", b"\xe9\xff\xfeL"))
    assert probe(path).has_picture
    with open_media(path) as container:
        assert container.metadata["title"].endswith("L")


def test_what_is_no_media_is_named(tmp_path, tone_video):
    (tmp_path / "empty.mkv").touch()
    (tmp_path / "text.mkv").write_text("no video here" * 50)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(tone_video.read_bytes()[:100])
    for name, message in [
        ("empty.mkv", "is empty"),
        ("text.mkv", "not a media file"),
        ("cut.mkv", "not a media file"),
        ("gone.mkv", "no such file"),
        ("", "a folder"),
    ]:
        with pytest.raises(InputError, match=message):
            probe(tmp_path / name)


def test_a_playlist_that_points_elsewhere_is_not_followed(tmp_path, tone_video):
    playlist = tmp_path / "1_224p.mkv"
    playlist.write_text(f"#EXTM3U\n#EXTINF:2,\nfile:{tone_video}\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError, match="playlist|not a media file"):
        probe(playlist)
    concat = tmp_path / "2_224p.mkv"
    concat.write_text(f"ffconcat version 1.0\nfile '{tone_video}'\n")
    with pytest.raises(InputError, match="playlist|not a media file"):
        probe(concat)


def test_ffmpeg_is_there():
    assert ffmpeg_exe()


@pytest.mark.parametrize(
    ("name", "origin", "length"),
    [
        ("base.mp4", 0.0, 8.0),
        ("piped.mkv", 0.0, 8.0),
        ("raw.h264", 0.0, 8.0),
        ("joined.ts", 1.48, 16.0),
        ("cut.ts", 5.48, 4.0),
        ("wrapped.ts", None, 8.0),
        ("late.mkv", 0.7, 8.0),
        ("from3600.mkv", 3600.0, 8.0),
        ("timecode.mov", 0.0, 8.0),
        ("bpictures.avi", 0.0, 8.0),
        ("still_first.mp4", 0.0, 8.0),
        ("preview_first.mkv", 0.0, 8.0),
        ("broadcast.mxf", 0.0, 8.0),
        ("hole.mp4", 0.0, 8.0),
        ("phone.mp4", 0.0, 8.0),
    ],
)
def test_the_clock_of_a_file_is_that_of_its_pictures(name, origin, length, odd_media):
    path = odd_media(name)
    if origin is not None:
        assert origin_s(path) == pytest.approx(origin, abs=0.03)
    assert length_s(path) == pytest.approx(length, abs=0.1)


def test_the_film_is_the_default_the_longest_the_largest(odd_media):
    for name, index in [("base.mp4", 0), ("still_first.mp4", 1), ("preview_first.mkv", 1)]:
        with open_media(odd_media(name)) as container:
            assert picture_stream(container).index == index


def test_a_file_of_sound_has_the_clock_of_its_sound(tmp_path):
    path = tmp_path / "1.wav"
    wavfile.write(path, 8000, np.zeros(12_000, np.int16))
    assert origin_s(path) == 0
    assert length_s(path) == pytest.approx(1.5, abs=0.05)


def test_what_does_not_decode_has_no_clock(tone_video, tmp_path):
    path = tmp_path / "1.mkv"
    data = tone_video.read_bytes()
    path.write_bytes(data[:1500] + bytes(len(data) - 1500))
    with pytest.raises(InputError, match=r"1\.mkv"):
        origin_s(path)
