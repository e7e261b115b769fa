"""Reel and overlay of a long 720p half: time and memory, beside another commit and moviepy.

    python benchmarks/export_video.py [--clip FILE] [--minutes 45] [--spots 20]
                                      [--beside CLONE] [--works reel overlay moviepy transcode]

The half is a short clip (a moving 1280×720 test picture with a tone, or FILE) repeated by stream
copy. ``transcode`` is ffmpeg alone, at the settings of the overlay; ``moviepy`` cuts, captions and
joins the stretches of the reel with moviepy. The seconds of all processors (CPU s) do not depend
on what else runs. Memory is the peak of the process and of its largest child together.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting.io.ffmpeg import ffmpeg_exe
from action_spotting.io.tables import table

HERE = Path(__file__).resolve().parents[1]
WORKS = ("reel", "overlay", "moviepy", "transcode")
WORKER = r"""
import json, resource, subprocess, sys, time
from pathlib import Path
import numpy as np
from action_spotting.dataset.classes import ACTIONS_V2
from action_spotting.dataset.media import Clip
from action_spotting.export.reel import highlights
try:
    from action_spotting.dataset.events import Events
    from action_spotting.export.cuts import choose_cuts
    from action_spotting.export.overlay import overlay
    from action_spotting.export.timeline import build_timeline
    classes = ()
except ImportError:  # before reel and overlay by ffmpeg
    from action_spotting.dataset.labels import Spots as Events
    from action_spotting.export.reel import choose_cuts
    from action_spotting.export.match import build_match as build_timeline
    from action_spotting.export.ticker import overlay
    classes = (ACTIONS_V2,)

def by_moviepy(cuts, video, out):
    from moviepy import CompositeVideoClip, TextClip, VideoFileClip, concatenate_videoclips
    import matplotlib
    font = str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans-Bold.ttf")
    film, clips = VideoFileClip(str(video)), []
    for cut in cuts:
        clip = film.subclipped(cut.start_ms / 1000, cut.end_ms / 1000)
        shown = [clip]
        for i, caption in enumerate(cut.captions):
            text = TextClip(font=font, text=f"{caption.title}  {caption.subtitle}", font_size=36,
                            color="white", bg_color="#101418", margin=(18, 10))
            text = text.with_duration(clip.duration).with_position((18, 640 - 70 * i))
            shown.append(text)
        clips.append(CompositeVideoClip(shown))
    joined = concatenate_videoclips(clips, method="compose")
    joined.write_videofile(str(out), codec="libx264", preset="veryfast", audio_codec="aac",
                           ffmpeg_params=["-crf", "21"], logger=None)

work, video, out, count, length_s = sys.argv[1], *map(Path, sys.argv[2:4]), *map(int, sys.argv[4:])
at = np.linspace(30, length_s - 30, count).astype(int) * 1000
columns = np.ones(count, int), at, np.arange(count) % 17, np.linspace(0.9, 0.6, count)
began = time.perf_counter()
match = build_timeline("benchmark", Events(*columns), *classes, {1: Clip(video)})
cuts = choose_cuts(match, top=count)
shown_s = sum(cut.end_ms - cut.start_ms for cut in cuts) / 1000
if work == "reel":
    highlights(match, out, top=count)
elif work == "moviepy":
    by_moviepy(cuts, video, out)
elif work == "overlay":
    overlay(match, out)
else:
    options = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "21", "-g", "100", "-c:a", "copy"]
    from imageio_ffmpeg import get_ffmpeg_exe
    command = [get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", "-i", f"file:{video}", *options]
    subprocess.run([*command, f"file:{out}"], check=True)
seconds = time.perf_counter() - began
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
busy_s = sum(one.ru_utime + one.ru_stime for one in used)
peak = sum(one.ru_maxrss / 1024 for one in used)
film_s = shown_s if work in ("reel", "moviepy") else length_s
print(json.dumps([film_s, seconds, busy_s, peak, out.stat().st_size / 2**20]))
"""


def make_half(clip: Path | None, minutes: float, folder: Path) -> Path:
    """Repeat a clip until it is as long as a half."""
    run = [ffmpeg_exe(), "-v", "error", "-nostdin", "-y"]
    if clip is None:
        clip = folder / "clip.mp4"
        inputs = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration=10"]
        inputs += ["-f", "lavfi", "-i", "sine=frequency=440:duration=10"]
        subprocess.run([*run, *inputs, "-preset", "veryfast", "-c:a", "aac", str(clip)], check=True)
    half = folder / "1_720p.mkv"
    loop = ["-stream_loop", "-1", "-i", f"file:{clip.resolve()}", "-t", str(60 * minutes)]
    subprocess.run([*run, *loop, "-c", "copy", str(half)], check=True)
    return half


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--clip", type=Path, help="an own 720p clip instead of the test picture")
    parser.add_argument("--minutes", type=float, default=45, help="length of the half")
    parser.add_argument("--spots", type=int, default=20, help="spots of the reel")
    parser.add_argument("--beside", type=Path, help="a clone of another commit to measure, too")
    parser.add_argument("--works", nargs="+", choices=WORKS, default=WORKS[:2], help="what to do")
    parser.add_argument("--keep", type=Path, help="a folder in which the videos made are left")
    options = parser.parse_args()
    clones = {"this": HERE} | ({"beside": options.beside} if options.beside else {})
    rows = []
    with tempfile.TemporaryDirectory() as name:
        half = make_half(options.clip, options.minutes, Path(name))
        for work in options.works:
            for code, clone in clones.items():
                if work in ("moviepy", "transcode") and code != "this":
                    continue
                out = (options.keep or Path(name)) / f"{work}_{code}.mp4"
                sizes = [str(options.spots), str(int(60 * options.minutes))]
                done = subprocess.run(
                    [sys.executable, "-c", WORKER, work, str(half), str(out), *sizes],
                    env={**os.environ, "PYTHONPATH": str(clone.resolve())},
                    stdout=subprocess.PIPE,
                    check=True,
                    cwd=name,
                )
                film_s, seconds, busy_s, peak, size = json.loads(done.stdout.splitlines()[-1])
                speed = f"{film_s / seconds:.1f}"
                cells = [f"{film_s:.0f}", f"{seconds:.1f}", speed, f"{busy_s:.1f}"]
                rows.append([work, code, *cells, f"{peak:.0f}", f"{size:.0f}"])
                print(*rows[-1], file=sys.stderr)
    header = ["work", "code", "film s", "seconds", "x real time", "CPU s", "peak MiB", "MiB made"]
    print(table(header, rows))


if __name__ == "__main__":
    main()
