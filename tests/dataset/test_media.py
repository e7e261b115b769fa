import shutil
import subprocess

import pytest

from action_spotting.dataset.media import ffmpeg_exe, open_media, probe
from action_spotting.errors import InputError


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
