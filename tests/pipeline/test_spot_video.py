"""One video of one's own."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from action_spotting.dataset.event_files import read_predictions
from action_spotting.dataset.events import Events
from action_spotting.dataset.features import open_feature
from action_spotting.dataset.media import Clip
from action_spotting.dataset.splits import list_halves
from action_spotting.errors import InputError, UsageError
from action_spotting.export.registry import FORMATS
from action_spotting.pipeline.show import closing_text, show, spots_table
from action_spotting.pipeline.video import clips_of, parse_threshold, spot_video
from action_spotting.pipeline.video_plan import VideoOutcome, VideoPlan


@pytest.fixture(scope="module")
def halves(tiny_matches) -> tuple[Path, ...]:
    """The videos of the test match."""
    return tuple(half.clip().path for half in list_halves(tiny_matches, "test"))


def plan(videos, out, model_dir=Path("model"), **more) -> VideoPlan:
    return VideoPlan(videos=tuple(videos), model_dirs=(model_dir,), out=out, **more)


@pytest.mark.slow
def test_the_door_gives_the_spots_of_the_pipeline(
    halves, undisturbed, detector, run_door, tmp_path
):
    options = ("--model_dir", undisturbed / "model", "--yolov5_weights", detector)
    done = run_door("SpotVideo.py", *halves, *options, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"report: {tmp_path / 'report.html'}"
    assert halves[0].name in (tmp_path / "report.html").read_text(encoding="utf-8")
    ours = read_predictions(tmp_path / "Predictions-v2.json")
    (path,) = (undisturbed / "predictions").rglob("Predictions-v2.json")
    theirs = read_predictions(path)
    assert set(ours.half.tolist()) == {1, 2}
    for column in ("half", "position_ms", "label", "confidence"):
        np.testing.assert_array_equal(getattr(ours, column), getattr(theirs, column))
    made = sorted(path.name for path in tmp_path.glob("[12]_*"))
    assert len(made) == 22  # five features with their records, and boxes, of two halves
    game = next((undisturbed / "matches").rglob(halves[0].parent.name))
    for name in made:
        assert (tmp_path / name).read_bytes() == (game / name).read_bytes(), name


@pytest.mark.slow
def test_one_video_of_a_whole_match(halves, undisturbed, tmp_path):
    outcome = spot_video(plan(halves[:1], tmp_path, undisturbed / "model", second_half_start_s=6.0))
    assert len(open_feature(tmp_path / "1_ResNET_TF2.npy")) in (11, 12)
    whole = len(open_feature(tmp_path / "2_ResNET_TF2.npy")) + 12
    assert 22 <= whole <= 30
    assert outcome.spots.position_ms[outcome.spots.half == 1].max() <= 6000


@pytest.mark.slow
def test_it_says_what_it_does_without(silent_video, undisturbed, tmp_path):
    outcome = spot_video(plan([silent_video], tmp_path, undisturbed / "model"))
    no_sound, no_detector = outcome.notices
    assert no_sound == "no sound track; spotted without VGGish, FFT"
    assert no_detector.startswith("spotted without YOLOv5: YOLOv5 needs an ONNX export")
    assert outcome.files["predictions"].exists()
    assert not (tmp_path / "1_VGGish.npy").exists()


@pytest.mark.slow
def test_another_video_does_not_get_the_features_of_the_first(
    tone_video, silent_video, undisturbed, tmp_path
):
    model = undisturbed / "model"
    spot_video(plan([silent_video], tmp_path, model))
    with pytest.raises(InputError, match=r"made from other media: .*file is 'silent\.mp4'"):
        spot_video(plan([tone_video], tmp_path, model))
    spot_video(plan([tone_video], tmp_path, model, overwrite=True))


def test_the_report_comes_first_and_what_fails_stops_only_itself(tone_video, tmp_path):
    """1,200 spots are too many for an EDL; a reel over a video that is in the way fails, too."""
    ms = np.arange(1200)
    spots = Events(np.ones(1200, int), ms, np.full(1200, 2), np.full(1200, 0.9))
    outcome = VideoOutcome(spots, np.linspace(0, 1, 1200), np.full(17, 0.5))
    (tmp_path / "reel.mp4").mkdir()
    made = plan([tone_video], tmp_path, exports=("edl", "csv"), highlights=tmp_path / "reel.mp4")
    show(made, {1: Clip(tone_video)}, outcome)
    assert list(outcome.files) == ["report", "spots.csv"]
    assert "a CMX3600 list holds 999" in outcome.failures["edl"]
    assert set(outcome.failures) == {"edl", "highlights"}
    assert outcome.exit_code == 3
    assert "FAILED edl: spots.edl: tone: 1200 spots" in closing_text(outcome)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "data:image/jpeg" in page
    assert "[199,2,0.166,1,0.9]" in page.replace(" ", "")  # the 200th spot's probability
    assert '<a href="spots.csv">spots.csv</a>' in page


def test_the_table_has_the_spots_above_their_thresholds_with_probabilities():
    spots = Events([2, 1, 1], [61_000, 5_000, 90_000], [2, 13, 2], [0.6, 0.9, 0.4])
    outcome = VideoOutcome(spots, np.array([0.25, 0.75, 0.1]), np.full(17, 0.5))
    lines = [line.split() for line in spots_table(outcome).splitlines()]
    assert lines[0] == ["action", "half", "-", "time", "confidence", "probability"]
    assert lines[1:3] == [
        ["Corner", "1", "-", "00:05", "0.90", "75", "%"],
        ["Goal", "2", "-", "01:01", "0.60", "25", "%"],
    ]
    assert lines[3][:2] == ["1", "weaker"]
    bare = spots_table(VideoOutcome(spots, None, np.full(17, 0.5)))
    assert "probability" not in bare
    assert "%" not in bare


def test_a_model_without_calibration_has_confidences_alone(tone_video, tmp_path):
    outcome = VideoOutcome(Events([1], [500], [2], [0.9]), None, np.full(17, 0.5))
    show(plan([tone_video], tmp_path, exports=("vtt",)), {1: Clip(tone_video)}, outcome)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '"measure": "confidence"' in page
    assert "Goal (1 - 00:00, 0.90)" in (tmp_path / "spots.vtt").read_text()


@pytest.mark.parametrize("name", [b"m\xff.mkv", b"<b> & '\" #%2e\n.mkv"])
def test_a_video_of_any_name_is_shown(name, tone_video, tmp_path):
    video = tmp_path / os.fsdecode(name)
    shutil.copy(tone_video, video)
    outcome = VideoOutcome(Events([1], [500], [2], [0.9]), np.ones(1), np.full(17, 0.5))
    made = plan([video], tmp_path / "out", exports=tuple(FORMATS))
    show(made, {1: Clip(video)}, outcome)
    assert not outcome.failures
    assert set(outcome.files) >= {"report", *(f"spots{one.ending}" for one in FORMATS.values())}


def test_what_is_no_video_is_named_before_anything_is_made(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.mp4").touch()
    for name, message in [
        ("text.mp4", "not a media file"),
        ("empty.mp4", "is empty"),
        ("gone.mp4", "no such file"),
        ("", "a folder; a media file is expected"),
    ]:
        with pytest.raises(InputError, match=message):
            spot_video(plan([tmp_path / name], tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_halves_of_one_file_meet_where_the_second_starts(tone_video, tmp_path):
    clips = clips_of(plan([tone_video], tmp_path, second_half_start_s=0.5))
    assert (clips[1].start_s, clips[1].duration_s, clips[2].start_s) == (0.0, 0.5, 0.5)
    with pytest.raises(UsageError, match="not within"):
        clips_of(plan([tone_video], tmp_path, second_half_start_s=99.0))
    with pytest.raises(UsageError, match="two videos"):
        clips_of(plan([tone_video] * 3, tmp_path))


def test_the_match_is_called_as_the_user_says_or_as_its_files_are(tmp_path):
    names = [
        (["a/final.mp4"], None, "final"),
        (["a/1.mp4", "a/2.mp4"], None, "my_match"),
        (["a/1.mp4", "a/2.mp4"], "Cup", "Cup"),
        (["x/2015-02-21 - 18-00 A 1 - 0 B/1.mkv"], None, "2015-02-21 - 18-00 A 1 - 0 B"),
    ]
    for videos, title, name in names:
        assert plan(map(Path, videos), tmp_path / "my_match", title=title).name == name


def test_a_file_where_the_clips_should_go_is_told_first(tone_video, tmp_path):
    (tmp_path / "clips").touch()
    made = plan([tone_video], tmp_path / "out", clips=tmp_path / "clips")
    with pytest.raises(UsageError, match="is a file; a folder is expected"):
        spot_video(made)


@pytest.mark.slow
def test_a_clip_a_spot_beside_the_report(tone_video, tmp_path):
    outcome = VideoOutcome(Events([1], [500], [2], [0.9]), np.array([0.7]), np.full(17, 0.5))
    made = plan([tone_video], tmp_path, clips=tmp_path / "clips", title="A & B")
    show(made, {1: Clip(tone_video)}, outcome)
    assert [path.name for path in (tmp_path / "clips").iterdir()] == ["1_00-00_Goal.mp4"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<a href="clips">clips</a>' in page
    assert "<h1>A &amp; B</h1>" in page


@pytest.mark.parametrize("text", ["-0.1", "1.5", "high", "nan"])
def test_a_threshold_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="expected auto or a number from 0 to 1"):
        parse_threshold(text, np.array([0.5]))
