"""Before a run begins: its defaults are filled in, and everything is checked at once."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from action_spotting.backend import load_backend
from action_spotting.dataset.feature_types import FEATURE_TYPES, base_of, feature_type, pca_of
from action_spotting.dataset.layout import Half
from action_spotting.dataset.modalities import default_modalities, features_there, told
from action_spotting.dataset.rate_text import told_rates
from action_spotting.dataset.rates import Rate, rate_of
from action_spotting.dataset.records import compare_settings
from action_spotting.dataset.splits import list_halves
from action_spotting.errors import SpottingError, UsageError, unknown
from action_spotting.extraction.driver import Extractor
from action_spotting.extraction.onnx_feature import is_onnx
from action_spotting.extraction.registry import MADE_HERE, is_made_here, make_extractor
from action_spotting.io.files import check_target
from action_spotting.pipeline.model_files import assets_folder, pca_files, pcas_in
from action_spotting.pipeline.plan import PICTURE_FIRST, Plan
from action_spotting.pipeline.status import Finding, look

if TYPE_CHECKING:
    from action_spotting.fusion.settings import HeadSettings

Files = tuple[Path, Path]


@dataclass
class Work:
    """What a run has to do, and with what.

    Attributes
    ----------
    plan
        With its defaults filled in.
    halves
        Of all splits, with media or features.
    absent
        Why other halves have neither.
    there
        By feature, the files that are already there.
    lacking
        By half, the features to extract.
    reduce
        By reduced feature, the halves to project.
    failures
        By feature and file, why it can be neither used nor made.
    extractors
        Of the features to extract.
    pcas
        By reduced feature, the files of the PCA that made it; none: unknown, or still to be fitted.
    settings
        Of the head.
    """

    plan: Plan
    halves: list[Half] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    there: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    lacking: dict[Half, list[str]] = field(default_factory=lambda: defaultdict(list))
    reduce: dict[str, list[Half]] = field(default_factory=lambda: defaultdict(list))
    failures: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    extractors: dict[str, Extractor] = field(default_factory=dict)
    pcas: dict[str, Files] = field(default_factory=dict)
    settings: HeadSettings | None = None


def prepare(plan: Plan, announce: Callable[[str], None]) -> Work:
    """Find out what a run has to do, and check all that it needs.

    The networks that are needed are loaded, so that their weights are checked too; weights that no
    stage needs may be missing.

    Parameters
    ----------
    plan
        What to do.
    announce
        Takes the defaults that were chosen, a line each.

    Returns
    -------
    Work
        The files that are there, and those to be made.

    Raises
    ------
    SpottingError
        The problem; several problems are one `UsageError` that lists them all.

    Examples
    --------
    >>> plan = Plan(Path("SoccerNet"), Path("model"), Path("predictions"), Path("report.html"))
    >>> work = prepare(plan, print)  # doctest: +SKIP
    >>> len(work.halves), work.absent  # doctest: +SKIP
    """
    return _Check(plan).run(announce)


class _Check:
    """The checks of a run, which go on after a problem to find the others too."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.work = Work(plan)
        self.problems: list[SpottingError] = []
        self.media: dict[Half, str | None] = {}  # why there are none
        self.found: dict[str, dict[Half, Finding]] = {}
        self.usual: dict[str, Any] = {}

    def run(self, announce: Callable[[str], None]) -> Work:
        """Do all checks, raise what they have found."""
        self._list_halves()
        self._fill_in(announce)
        self.found, self.usual = look(self.work.halves, self.modalities, self.plan.video)
        if self.work.halves:
            self._check_names()
            self._sort_files()
            self._check_settings()
        self._check_head(announce)
        for name in dict.fromkeys(n for names in self.work.lacking.values() for n in names):
            with self._noting():
                like = self._onnx_settings(name)
                self.work.extractors[name] = make_extractor(name, self.plan.pretrained, like)
                self._compare(name, self.work.extractors[name])
        for name in filter(pca_of, self.modalities):
            with self._noting():
                self._find_pca(name)
        with self._noting():
            check_target(self.plan.report)
        problems = {str(problem): problem for problem in self.problems}
        if len(problems) > 1:
            raise UsageError("nothing has begun yet:\n  - " + "\n  - ".join(problems))
        for problem in problems.values():
            raise problem
        return self.work

    @property
    def modalities(self) -> tuple[str, ...]:
        return self.plan.modalities or ()

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except SpottingError as error:
            self.problems.append(error)

    def _problem(self, text: str) -> None:
        self.problems.append(UsageError(text))

    def _list_halves(self) -> None:
        """List the halves of all splits; those with neither media nor features are absent."""
        listed: dict[Half, None] = {}
        for split in dict.fromkeys(self.plan.splits):
            with self._noting():
                listed |= dict.fromkeys(list_halves(self.plan.root, split))
        for half in listed:
            try:
                half.clip(self.plan.video)
                self.media[half] = None
            except SpottingError as error:
                self.media[half] = str(error)
            if self.media[half] and not half.features():
                self.work.absent[f"{half.game}, half {half.number}"] = str(self.media[half])
            else:
                self.work.halves.append(half)
        if listed and not self.work.halves:
            reason = next(iter(self.work.absent.values()))
            self._problem(f"none of the {len(listed)} halves has media or features: {reason}")

    def _fill_in(self, announce: Callable[[str], None]) -> None:
        """Choose the modalities and the preset where they are not given, and say so."""
        plan = self.plan
        if plan.modalities is None and self.work.halves:
            there, unknown = features_there(self.work.halves)
            media = any(self.media[half] is None for half in self.work.halves)
            made = {name for name in MADE_HERE if media}
            if not plan.pretrained.yolov5:
                made.discard("YOLOv5")
            made |= {name for name in PICTURE_FIRST if base_of(name) in there | made}
            names = default_modalities(there, made, PICTURE_FIRST)
            plan = replace(plan, modalities=names)
            needs = " (needs --yolov5_weights)" if "YOLOv5" not in names and media else ""
            announce(told(names, unknown, PICTURE_FIRST) + needs)
        if plan.preset is None:
            preset, meant = ("small", "a few games") if plan.sample else ("full", "a data set")
            plan = replace(plan, preset=preset)
            announce(f"preset: {preset}, for {meant}")
        self.plan = self.work.plan = plan

    def _check_names(self) -> None:
        there = {name for half in self.work.halves for name in half.features()}
        known = dict.fromkeys([*PICTURE_FIRST, *FEATURE_TYPES, *sorted(there)])
        media = any(self.media[half] is None for half in self.work.halves)
        if not self.modalities:
            self._problem(f"{self.plan.root}: neither media nor features that are known")
        for name in self.modalities:
            base = base_of(name)
            if not {name, base} & {*known, *there} and feature_type(name) is None:
                self._problem(unknown("modality", name, known))
            elif not {name, base} & there and not is_made_here(base):
                self._problem(f"{name} is nowhere, and not made here; see DownloadSoccerNet")
            elif not {name, base} & there and not media:
                self._problem(f"{name} is nowhere, and there is no media to make it from")
            reduced, source = pca_of(name), feature_type(base)
            if reduced and source and reduced[1] > source.width:
                self._problem(f"{name}: {base} has only {source.width} numbers to be reduced")

    def _sort_files(self) -> None:
        """Tell what is there, what is to be made, and what cannot be had."""
        for name in self.modalities:
            base = base_of(name)
            for half in self.work.halves:
                finding, source = self.found[name][half], self.found[base][half]
                path = str(half.feature(name))
                if finding.state == "done":
                    self.work.there[name].append(path)
                elif "stale" in (finding.state, source.state):
                    stale = finding if finding.state == "stale" else source
                    self.work.failures[name][path] = stale.reason
                elif (source.state == "done" or self._extract(half, base)) and base != name:
                    self.work.reduce[name].append(half)

    def _extract(self, half: Half, name: str) -> bool:
        """Note that a feature is to be extracted; False: it cannot be."""
        onnx = self.plan.pretrained.onnx and self._onnx_settings(name)
        if (is_made_here(name) or onnx) and self.media[half] is None:
            if name not in self.work.lacking[half]:
                self.work.lacking[half].append(name)
            return True
        reason = (
            self.media[half]
            or "missing, and not made by this command (with --onnx it makes those of an ONNX "
            "network of which some are there; ExtractONNX and DownloadSoccerNet make the others)"
        )
        self.work.failures[name][str(half.feature(name))] = reason
        return False

    def _onnx_settings(self, name: str) -> Any:
        """Give the settings of a feature that ExtractONNX made, or None."""
        settings = self.usual.get(name)
        return settings if settings and is_onnx(settings) else None

    def _check_settings(self) -> None:
        """Name the features whose files were made with different settings."""
        for name, findings in self.found.items():
            stale = {
                half.feature(name): finding.reason
                for half, finding in findings.items()
                if finding.state == "stale" and not finding.other_media
            }
            if stale:
                path, reason = next(iter(stale.items()))
                self._problem(
                    f"files of {name} cannot be used with the others ({len(stale)} in all, such as "
                    f"{path}: {reason}); make them anew by their own command with --overwrite"
                )

    def _check_head(self, announce: Callable[[str], None]) -> None:
        """Check the settings of the head, at the rate of its features where they share one."""
        from action_spotting.fusion.settings import HeadSettings, make_settings

        usual_fps, fps = HeadSettings.fps, None
        with self._noting():
            rates = {name: self._rate(name, usual_fps) for name in self.modalities}
            shared = {rate.fps for rate in rates.values()}
            fps = shared.pop() if len(shared) == 1 else usual_fps
            if text := told_rates(rates, fps):
                announce(text)
        with self._noting():
            self.work.settings = settings = make_settings(
                self.plan.preset or "full",
                modalities=self.modalities or PICTURE_FIRST,
                epochs=self.plan.epochs,
                seed=self.plan.seed,
                fps=fps,
            )
            if self.modalities:
                _check_model(self.plan.model_dir, settings)

    def _rate(self, name: str, fps: float) -> Rate:
        """Tell where the rows of a feature stand."""
        settings = self.usual.get(name) or self.usual.get(base_of(name))
        return self.plan.rates.get(name) or rate_of(name, settings, fps)

    def _compare(self, name: str, extractor: Extractor) -> None:
        """Compare what would be made with what is there."""
        for other in {name, *(n for n in self.modalities if base_of(n) == name)}:
            usual = self.usual.get(other) or {}
            usual = usual.get("features") if pca_of(other) else usual
            if usual and (differences := compare_settings(usual, extractor.settings)):
                raise UsageError(
                    f"the files of {other} that are there were made with other settings than this "
                    f"run would make the others with: {'; '.join(differences)}; give the same "
                    f"weights, or make all {name} by its own command"
                )

    def _find_pca(self, name: str) -> None:
        """Find the PCA that made the files that are there; refuse to mix it with another."""
        wanted = ((self.usual.get(name) or {}).get("pca") or {}).get("sha256")
        own = next(iter(pcas_in([assets_folder(self.plan.model_dir)], name)), None)
        if wanted is None:
            if own and not self.work.there[name]:
                self.work.pcas[name] = own
            if self.work.there[name] and self.work.reduce[name]:
                raise UsageError(
                    f"files of {name} ({len(self.work.there[name])}) have no record of their PCA, "
                    f"so those that lack ({len(self.work.reduce[name])}) cannot be made like them; "
                    "fetch these too, or reduce all with ReduceFeaturesPCA --overwrite"
                )
            return
        if own and _sha256(own) != wanted:
            raise UsageError(
                f"{own[0]} is not the PCA that made the files of {name}; name another --model_dir, "
                "or delete it"
            )
        places = [self.plan.root, self.plan.root.resolve().parent, Path()]
        found = pcas_in(places, name)
        match = own or next((files for files in found if _sha256(files) == wanted), None)
        if match:
            self.work.pcas[name] = match
        elif self.work.reduce[name]:
            names = [path.name for path in pca_files(Path(), name)]
            raise UsageError(
                f"the PCA that made {name} is not here, so the files that lack "
                f"({len(self.work.reduce[name])}) cannot be made; put its {' and '.join(names)} "
                "beside the data set"
            )


def _check_model(folder: Path, settings: HeadSettings) -> None:
    """Refuse a folder that holds another training, or a model that cannot go on."""
    # The names of those modules, which load TensorFlow.
    if not any((folder / name).exists() for name in ("checkpoint.npz", "model.json")):
        return
    load_backend()
    from action_spotting.fusion.checkpoint import CHECKPOINT_FILE, check_same

    if not (folder / CHECKPOINT_FILE).exists():
        raise UsageError(f"{folder}: already holds a model; name another --model_dir")
    check_same(folder, settings.as_dict())


def _sha256(files: Sequence[Path]) -> str:
    from action_spotting.reduction.files import load_pca

    return load_pca(*files).sha256
