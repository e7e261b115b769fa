"""Frames: the original's bits, the textbook's times, and what is no video."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from action_spotting.dataset.media import Clip, open_media
from action_spotting.errors import InputError, UsageError
from action_spotting.io.ffmpeg import ffmpeg_exe
from action_spotting.visual.frames import (
    FrameOptions,
    choose,
    comes_unevenly,
    settled_rate,
    shown_at,
    soccernet_choice,
    with_frames,
)
from action_spotting.visual.packet_index import Scan, scan_packets
from action_spotting.visual.transforms import square

GRABBERS = ("pyav", "opencv", "skvideo")
NAMES = (
    "plain",
    "ntsc",
    "wrong rate",
    "long sound",
    "lost frames",
    "mp4",
    "mpeg4 avi",
    "full range",
    "transport stream",
)


def read(path: Path, options: FrameOptions, transform="crop", start=None, duration=None):
    return with_frames(
        Clip(path, start, duration),
        options,
        lambda frames: np.array([square(frame, transform) for frame in frames]),
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("grabber", ["pyav", "opencv"])
def test_frames_are_the_originals_bit_for_bit(videos, original, name, grabber):
    options = FrameOptions(grabber=grabber)
    for transform, start, duration in (("crop", None, None), ("resize", 1.3, 2.0)):
        want = original(videos[name], transform, start, duration)
        have = read(videos[name], options, transform, start, duration)
        np.testing.assert_array_equal(have, want)


def test_a_named_colour_space_changes_nothing(new_video, tmp_path):
    """OpenCV before 4.12, which made the released features, read all media as BT.601."""
    plain = new_video(tmp_path / "plain.mkv", frames=30)
    named = new_video(tmp_path / "bt709.mkv", frames=30, colours=1)
    with open_media(named) as container:
        assert container.streams.video[0].codec_context.colorspace == 1
    np.testing.assert_array_equal(read(named, FrameOptions()), read(plain, FrameOptions()))


@pytest.mark.parametrize("fps", [1.0, 3.0, 25.0])
def test_other_rates_are_the_originals_too(videos, original, fps):
    want = original(videos["ntsc"], fps=fps)
    np.testing.assert_array_equal(read(videos["ntsc"], FrameOptions(fps=fps)), want)


@pytest.mark.parametrize("grabber", ["pyav", "opencv"])
def test_a_stream_cut_at_its_head_begins_with_the_first_picture_that_decodes(
    videos, grabber, tmp_path
):
    """The original takes the stated length, which counts what does not decode, and drifts."""
    cut = tmp_path / "cut.ts"
    cut.write_bytes(videos["transport stream"].read_bytes()[188 * 60 :])
    assert scan_packets(cut).pts is None  # not provable from the packets: all are decoded
    everything = read(videos["transport stream"], FrameOptions(fps=25.0, sampling="timestamp"))
    want = everything[25:][soccernet_choice(75, 25.0)]
    np.testing.assert_array_equal(read(cut, FrameOptions(grabber=grabber)), want)


@pytest.mark.parametrize("grabber", GRABBERS)
def test_a_list_of_packets_that_lies_is_found_out(videos, original, grabber, monkeypatch):
    path = videos["plain"]
    true = scan_packets(path)
    pts = np.append(true.pts, 9999) + 1
    lie = Scan(true.rate, 7.5, np.arange(101) / 25, pts, pts[:1])
    monkeypatch.setattr("action_spotting.visual.frames.scan_packets", lambda _: lie)
    calls = []

    def work(frames):
        calls.append(1)
        return len(list(frames))

    wanted = choose(Scan(25.0, 7.5, np.arange(100) / 25, None), Clip(path), FrameOptions())
    assert with_frames(Clip(path), FrameOptions(grabber=grabber), work) == len(wanted)
    assert len(calls) == 2


def test_timestamp_sampling_shows_what_is_on_screen(videos):
    path = videos["lost frames"]  # 25 fps, nothing between 1.6 s and 2.4 s
    scan = scan_packets(path)
    options = FrameOptions(sampling="timestamp")
    chosen = choose(scan, Clip(path), options)
    times = scan.times_s[chosen]
    wanted = np.floor(np.arange(len(chosen)) / 2 * 25) / 25
    assert len(chosen) == 8
    np.testing.assert_allclose(times[[0, 1, 2, 3, 5]], wanted[[0, 1, 2, 3, 5]], atol=0.002)
    assert times[4] == pytest.approx(1.56, abs=0.002)  # the last one before the gap
    everything = read(path, FrameOptions(fps=25.0, sampling="timestamp"))
    assert len(everything) == 100
    np.testing.assert_array_equal(everything[45], everything[50])  # the gap repeats its frame
    for grabber in ("pyav", "opencv"):
        options = FrameOptions(sampling="timestamp", grabber=grabber)
        np.testing.assert_array_equal(
            read(path, options), everything[[0, 12, 25, 37, 50, 62, 75, 87]]
        )


@given(
    count=st.integers(1, 400),
    rate=st.floats(1.0, 120.0),
    fps=st.floats(0.3, 30.0),
    part=st.none() | st.tuples(st.floats(0, 5), st.floats(0, 5)),
)
@settings(max_examples=200, deadline=None)
def test_choice_equals_a_loop_over_all_frames(count, rate, fps, part):
    start, duration = part or (None, None)
    want = []
    for number in range(1, count + 1):
        if part and (number < rate * start or number > rate * (start + duration)):
            continue
        if number % (rate / fps) < 1:
            want.append(number - 1)
    have = soccernet_choice(count, rate, fps, start_s=start, duration_s=duration)
    assert have.tolist() == want


def test_frames_that_come_unevenly_are_chosen_by_the_clock():
    """A phone that goes from 30 to 15 frames a second: counting is 2.6 s early at 10.4 s."""
    times = np.concatenate([np.arange(0, 10, 1 / 30), np.arange(10, 20, 1 / 15)])
    scan = Scan(len(times) / 20, 20.0, times, None)
    shown = times[choose(scan, Clip(Path("phone.mp4")), FrameOptions())]
    np.testing.assert_allclose(shown, np.arange(1, len(shown) + 1) / 2 - 1 / scan.rate, atol=0.08)
    assert len(shown) == pytest.approx(40, abs=1)
    second = times[choose(scan, Clip(Path("phone.mp4"), 10.0, 10.0), FrameOptions())]
    assert second[0] == pytest.approx(10 - 1 / scan.rate, abs=0.08)
    counted = times[soccernet_choice(len(times), scan.rate)]
    assert counted[20] < 8.5 < shown[20] < 10.6


@pytest.mark.parametrize("rate", [24, 25, 30000 / 1001, 50, 60])
def test_rounded_time_stamps_and_lost_frames_are_even(rate):
    times = np.round(np.arange(3000) / rate, 3)
    assert not comes_unevenly(times)
    assert not comes_unevenly(np.delete(times, np.arange(100, 3000, 50)))


@given(
    steps=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=60),
    start=st.floats(0, 5),
    fps=st.floats(0.5, 10),
)
@settings(max_examples=100, deadline=None)
def test_shown_at_never_shows_the_future(steps, start, fps):
    times = np.cumsum([0.0, *steps])
    wanted = start + np.arange(len(shown_at(times, start, start + 4, fps))) / fps
    chosen = shown_at(times, start, start + 4, fps)
    assert np.all(times[chosen] <= wanted + 1e-5)
    assert np.all(np.append(times, np.inf)[chosen + 1] > wanted - 1e-5)


def test_settled_rate_accepts_two_frames_too_few_but_not_three():
    assert settled_rate(25.0, 4.0, 98) == 25.0
    assert settled_rate(25.0, 4.0, 97) == 98 / 4


@pytest.mark.parametrize("transform", ["crop", "resize", "resize256crop224"])
@pytest.mark.parametrize(
    "size", [(224, 398), (224, 224), (720, 1280), (478, 848), (640, 360), (224, 300), (90, 120)]
)
def test_every_picture_becomes_a_square(transform, size):
    picture = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    assert square(picture, transform).shape == (224, 224, 3)


def test_crop_keeps_the_middle():
    picture = np.zeros((224, 398, 3), np.uint8)
    picture[:, 87:311] = 200
    assert square(picture, "crop").min() == 200
    upright = np.zeros((398, 224, 3), np.uint8)
    upright[87:311] = 200
    assert square(upright, "crop").min() == 200


def test_names_of_files_are_data(videos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-i %03d.mkv", "a:b?c=d.mkv", "#1 [x] 'y'.mkv"):
        shutil.copy(videos["plain"], tmp_path / name)
        for grabber in GRABBERS:
            assert len(read(Path(name), FrameOptions(grabber=grabber))) == 8


def test_what_is_no_video_is_named(videos, tone_video, tmp_path):
    empty, text, playlist = (tmp_path / n for n in ("empty.mkv", "text.mkv", "list.mkv"))
    empty.touch()
    text.write_text("not a video")
    playlist.write_text(f"#EXTM3U\n#EXTINF:6,\nfile://{videos['plain']}\n#EXT-X-ENDLIST\n")
    sound = tmp_path / "sound.mkv"
    _without_picture(tone_video, sound)
    for path, reason in (
        (tmp_path / "none.mkv", "no such file"),
        (empty, "0 bytes"),
        (text, "not a media file"),
        (playlist, "not a media file|playlist"),
        (sound, "no video stream"),
        (tmp_path, "folder"),
    ):
        for grabber in GRABBERS:
            with pytest.raises(InputError, match=reason) as caught:
                read(path, FrameOptions(grabber=grabber))
            assert str(path) in str(caught.value)


def test_a_video_that_is_cut_short_is_named(new_video, tmp_path):
    options = {"preset": "ultrafast", "g": "10"}
    whole = new_video(tmp_path / "whole.mkv", frames=600, size=(64, 64), options=options)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    with pytest.raises(
        InputError, match=r"cut\.mkv: the pictures end at .* states 24 s; it is cut"
    ):
        read(cut, FrameOptions())


def test_a_part_outside_the_video_is_named(videos):
    with pytest.raises(InputError, match=r"no frame in the part .*start 60 s.*end at 4\.0 s"):
        read(videos["plain"], FrameOptions(), start=60.0, duration=5.0)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"fps": 0}, "must be above 0"),
        ({"fps": float("nan")}, "must be above 0"),
        ({"sampling": "soccer"}, "did you mean 'soccernet'"),
        ({"grabber": "opencl"}, "did you mean 'opencv'"),
    ],
)
def test_wrong_options_are_answered(options, match):
    with pytest.raises(UsageError, match=match):
        FrameOptions(**options)


@pytest.mark.parametrize("name", NAMES)
def test_skvideo_gives_the_same_bits_and_leaves_numpy_as_it_was(videos, name):
    before = set(dir(np))
    have, want = (read(videos[name], FrameOptions(grabber=g)) for g in ("skvideo", "pyav"))
    np.testing.assert_array_equal(have, want)
    assert set(dir(np)) == before


def test_skvideo_knows_no_time_stamps():
    with pytest.raises(UsageError, match="skvideo knows no time stamps; take --grabber pyav"):
        FrameOptions(grabber="skvideo", sampling="timestamp")


def _without_picture(source: Path, target: Path) -> None:
    import av

    with av.open(str(source)) as have, av.open(str(target), "w") as out:
        sound = out.add_stream_from_template(have.streams.audio[0])
        for packet in have.demux(audio=0):
            if packet.size:
                packet.stream = sound
                out.mux(packet)


@pytest.mark.parametrize("turn", [90, 180, -90])
def test_a_turned_video_is_set_upright_by_all(videos, tmp_path, turn):
    path = tmp_path / "turned.mp4"
    command = [ffmpeg_exe(), "-v", "error", "-display_rotation", str(turn)]
    subprocess.run([*command, "-i", str(videos["mp4"]), "-c", "copy", str(path)], check=True)
    upright = tmp_path / "upright.mkv"
    lossless = ("-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", str(upright))
    subprocess.run([ffmpeg_exe(), "-v", "error", "-i", str(path), *lossless], check=True)
    want = read(upright, FrameOptions())
    for grabber in GRABBERS:
        np.testing.assert_array_equal(read(path, FrameOptions(grabber=grabber)), want)
