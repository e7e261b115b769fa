"""Videos as people have them, through the whole of SpotVideo with a light model."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from action_spotting.audio.fft import COLUMN
from action_spotting.dataset.features import open_feature
from action_spotting.dataset.media import Clip, probe
from action_spotting.errors import InputError, UsageError
from action_spotting.extraction.registry import Pretrained
from action_spotting.io.ffmpeg import ffmpeg_exe
from action_spotting.pipeline.video import spot_video
from action_spotting.pipeline.video_plan import VideoPlan
from action_spotting.visual.frames import FrameOptions, with_frames

pytestmark = pytest.mark.slow

CLONE = Path(__file__).resolve().parents[2]
EXPORTS = ("csv", "json", "osl", "vtt", "srt", "chapters", "sportscode", "edl", "otio")


def write_clip(
    path: Path,
    times_s: np.ndarray,
    *,
    tone_from_s: float | None = 0.0,
    seconds: float | None = None,
    size: tuple[int, int] = (320, 180),
) -> Path:
    """Write pictures whose luma is 20 + 8 × their time in seconds, and a tone of 440 Hz."""
    seconds = float(times_s[-1]) if seconds is None else seconds
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "threads": "1"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        sound = None
        if tone_from_s is not None:
            sound = out.add_stream("aac", rate=16000, layout="mono")
        for at in times_s:
            planes = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
            planes[: size[1]] = min(235, 20 + round(8 * float(at)))
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = round(1000 * float(at)), Fraction(1, 1000)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if sound is not None:
            n = np.arange(round((seconds - tone_from_s) * 16000))
            tone = (0.3 * np.sin(2 * np.pi * 440 * n / 16000)).astype(np.float32)
            for first in range(0, len(tone), 1024):
                frame = av.AudioFrame.from_ndarray(tone[None, first : first + 1024], "fltp", "mono")
                frame.sample_rate, frame.pts = 16000, round(tone_from_s * 16000) + first
                out.mux(sound.encode(frame))
            out.mux(sound.encode(None))
    return path


@pytest.fixture(scope="module")
def eight_seconds(tmp_path_factory) -> Path:
    """Eight seconds at 25 frames a second with a tone."""
    return write_clip(tmp_path_factory.mktemp("own") / "plain.mp4", np.arange(0, 8, 0.04))


def spot(videos, out: Path, model: Path, **more):
    return spot_video(VideoPlan(videos=tuple(videos), model_dirs=(model,), out=out, **more))


def test_a_phones_recording_is_read_by_its_clock(light_model, tmp_path):
    times = np.concatenate([np.arange(0, 6, 1 / 30), np.arange(6, 12, 1 / 15)])
    path = write_clip(tmp_path / "phone.mp4", times)
    spot([path], tmp_path / "out", light_model)
    assert len(open_feature(tmp_path / "out/1_YOLOv5.npy")) == pytest.approx(24, abs=1)
    assert len(open_feature(tmp_path / "out/1_FFT.npy")) == pytest.approx(24, abs=1)
    greys = with_frames(Clip(path), FrameOptions(), lambda f: [frame.mean() for frame in f])
    seconds = (np.array(greys) * 219 / 255 + 16 - 20) / 8
    np.testing.assert_allclose(seconds, np.arange(1, len(seconds) + 1) / 2 - 0.1, atol=0.2)


def test_a_turned_recording_is_looked_at_upright(eight_seconds, light_model, tmp_path):
    turned = tmp_path / "turned.mp4"
    command = [ffmpeg_exe(), "-v", "error", "-display_rotation", "90", "-i", str(eight_seconds)]
    subprocess.run([*command, "-c", "copy", str(turned)], check=True)
    outcome = spot(
        [turned], tmp_path / "out", light_model, overlay=tmp_path / "over.mp4", threshold="0"
    )
    assert (probe(outcome.files["over.mp4"]).width, probe(tmp_path / "over.mp4").height) == (
        180,
        320,
    )
    from action_spotting.visual.boxes import read_boxes

    read_boxes(tmp_path / "out/1_YOLOv5_boxes.npz")
    assert len(open_feature(tmp_path / "out/1_YOLOv5.npy")) == 16


def test_sound_that_starts_late_is_in_the_rows_of_its_time(light_model, tmp_path):
    path = write_clip(tmp_path / "late.mkv", np.arange(0, 8, 0.04), tone_from_s=2.0, seconds=8)
    with av.open(str(path)) as container:
        assert container.streams.audio[0].start_time * container.streams.audio[0].time_base >= 1.9
    spot([path], tmp_path / "out", light_model)
    loud = open_feature(tmp_path / "out/1_FFT.npy")[:, COLUMN["rms_mean"]]
    assert (loud[:3] < -4).all()
    assert (loud[4:15] > -2).all()


def test_a_half_without_sound_is_spotted_from_its_picture(eight_seconds, light_model, tmp_path):
    silent = write_clip(tmp_path / "2.mp4", np.arange(0, 4, 0.04), tone_from_s=None)
    outcome = spot([eight_seconds, silent], tmp_path / "out", light_model)
    assert outcome.notices == ["half 2 has no sound; spotted without FFT there"]
    assert (tmp_path / "out/1_FFT.npy").exists()
    assert not (tmp_path / "out/2_FFT.npy").exists()
    assert len(open_feature(tmp_path / "out/2_YOLOv5.npy")) == 8


def test_a_video_shorter_than_a_second_is_named(light_model, tmp_path):
    path = write_clip(tmp_path / "short.mp4", np.arange(0, 0.5, 0.04))
    with pytest.raises(InputError, match=r"short\.mp4: 0\.\d\d s long; there is nothing to spot"):
        spot([path], tmp_path / "out", light_model)
    assert not (tmp_path / "out").exists()


def test_a_model_of_another_version_is_named(eight_seconds, light_model, tmp_path):
    other = tmp_path / "model"
    shutil.copytree(light_model, other)
    content = json.loads((other / "model.json").read_text())
    (other / "model.json").write_text(json.dumps(content | {"version": 99}))
    with pytest.raises(UsageError, match="version 99, this toolkit reads 1; train anew"):
        spot([eight_seconds], tmp_path / "out", other)
    with pytest.raises(UsageError, match=r"no model\.json; name a folder that TrainSpotting"):
        spot([eight_seconds], tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_written_is_said_before_the_work(eight_seconds, light_model, tmp_path):
    for more, message in [
        ({"highlights": tmp_path / "reel.avi"}, r"ends with \.mp4"),
        ({"overlay": eight_seconds}, "would replace the video"),
        ({"highlights": tmp_path / "a.mp4", "overlay": tmp_path / "a.mp4"}, "name two files"),
        ({"exports": ("otoi",)}, "did you mean 'otio'"),
        ({"threshold": "2"}, "expected auto or a number"),
    ]:
        with pytest.raises(UsageError, match=message):
            spot([eight_seconds], tmp_path / "out", light_model, **more)
    both = {"overlay": tmp_path / "a.mp4", "highlights": tmp_path / "A_half2.mp4"}
    with pytest.raises(UsageError, match="name two files"):  # each video has its overlay
        spot([eight_seconds, eight_seconds], tmp_path / "out", light_model, **both)
    assert not (tmp_path / "out").exists()


def test_only_what_is_missing_is_made_and_loaded(eight_seconds, light_model, tmp_path):
    out = tmp_path / "out"
    spot([eight_seconds], out, light_model)
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("1_*.npy")}
    (out / "1_FFT.npy").unlink()
    broken = Pretrained(yolov5=tmp_path / "gone.onnx")  # would be an error, were it loaded
    spot([eight_seconds], out, light_model, pretrained=broken)
    after = {path.name: path.stat().st_mtime_ns for path in out.glob("1_*.npy")}
    assert after["1_YOLOv5.npy"] == before["1_YOLOv5.npy"]
    assert after["1_FFT.npy"] > before["1_FFT.npy"]


def test_other_settings_and_other_videos_are_refused(eight_seconds, light_model, tmp_path):
    out = tmp_path / "out"
    spot([eight_seconds], out, light_model)
    truth = (out / "1_FFT.json").read_text()
    record = json.loads(truth)
    record["settings"]["track"] = 2
    (out / "1_FFT.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="track is 2, not 1; --overwrite makes it anew"):
        spot([eight_seconds], out, light_model)
    (out / "1_FFT.json").write_text(truth)
    renamed = tmp_path / "other.mp4"
    shutil.copy(eight_seconds, renamed)
    (out / "1_YOLOv5.npy").unlink()
    with pytest.raises(InputError, match=r"other media: file is 'plain\.mp4', not 'other\.mp4'"):
        spot([renamed], out, light_model)
    spot([renamed], out, light_model, overwrite=True)


def test_the_second_half_of_one_file_is_on_its_own_clock(eight_seconds, light_model, tmp_path):
    out = tmp_path / "out"
    outcome = spot(
        [eight_seconds],
        out,
        light_model,
        second_half_start_s=3.0,
        threshold="0",
        exports=EXPORTS,
        highlights=out / "reel.mp4",
    )
    seen = outcome.spots.take(outcome.rows)
    assert seen.position_ms[seen.half == 1].max() <= 3000
    assert seen.position_ms[seen.half == 2].max() <= 5500  # to the end of the last row
    spots = json.loads((out / "spots.json").read_text())
    assert [half["match_start_ms"] for half in spots["halves"]] == [0, 3000]
    for entry in spots["spots"]:
        offset = {1: 0, 2: 3000}[entry["half"]]
        assert entry["match_ms"] == entry["position_ms"] + offset
    assert {path.name for path in out.glob("spots*")} == {
        "spots.csv",
        "spots.json",
        "spots.osl.json",
        "spots.vtt",
        "spots.srt",
        "spots.ffmeta",
        "spots.sportscode.xml",
        "spots.edl",
        "spots.otio",
    }
    assert probe(out / "reel.mp4").duration_s == pytest.approx(8, abs=0.2)


def command(video: Path, out: Path, model: Path) -> list[str]:
    door = CLONE / "Models" / "SpotVideo.py"
    line = [sys.executable, door, video, "--model_dir", model, "--out", out, "--threshold", "0"]
    return [str(word) for word in line]


@pytest.mark.parametrize("size", ["8k", "48k"])
def test_a_full_disk_leaves_nothing_broken(eight_seconds, light_model, tmp_path, size):
    out = tmp_path / "out"
    out.mkdir()
    script = (
        f'mount -t tmpfs -o size={size} tmpfs "$0" || exit 77; "$@"; echo "code $?"; ls -A "$0"'
    )
    within = ["unshare", "-rm", "sh", "-c", script, str(out)]
    line = command(eight_seconds, out, light_model)
    done = subprocess.run([*within, *line], capture_output=True, text=True, check=False)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no small disk can be mounted here")
    assert "No space left on device; free space there or choose another folder" in done.stderr
    assert "Traceback" not in done.stderr
    code, *left = done.stdout.splitlines()
    assert code == "code 2"
    assert not [name for name in left if name.startswith(".")]
    assert "report.html" not in left


def test_ctrl_c_ends_both_sides_and_the_next_run_goes_on(light_model, tmp_path):
    video = write_clip(tmp_path / "long.mp4", np.arange(0, 120, 0.04), size=(640, 360))
    out = tmp_path / "out"
    with subprocess.Popen(
        command(video, out, light_model), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        limit = time.monotonic() + 120
        while not list(out.glob(".1_FFT.part-*.npy")):
            assert process.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"the same command goes on" in said
    assert b"Traceback" not in said
    assert {path.name for path in out.iterdir()} == {"runs.jsonl", "run.yaml"}
    spot([video], out, light_model)
    assert len(open_feature(out / "1_YOLOv5.npy")) == 240
