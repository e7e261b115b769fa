"""The published heads that are known by name: what each is, and where its files are."""

from __future__ import annotations

from dataclasses import dataclass

from action_spotting.errors import UsageError, unknown
from action_spotting.fusion.published.settings import Origin
from action_spotting.io.tables import table

SPIVAK_REPOSITORY = "yahoo-inc/spivak-action-spotting-soccernet"
SPIVAK_REVISION = "1dced1b7a921f95ab741cad59325ee2e4dc08496"
SOCCERNET = (
    "https://raw.githubusercontent.com/SoccerNet/sn-spotting/"
    "9842826f94e1419580a9d17219c11aca7225f7ce/"
)
SOCCERNET_PAGE = (
    "https://github.com/SoccerNet/sn-spotting/blob/9842826f94e1419580a9d17219c11aca7225f7ce/"
)

_NORMALISER = "models/resnet_normalizer.pkl"
_NORMALISER_SHA256 = "e949c0f41c5e7cc535c39b7f76264aa36caa54918bb65584d85ea444a96ab1cc"


@dataclass(frozen=True)
class HostedFile:
    """A file of a head.

    Attributes
    ----------
    path
        In its repository, and below the folder of its head in the cache.
    digest
        As of `action_spotting.io.pretrained.PretrainedFile`; empty: the host is asked for it.
    url
        Where it is; empty: in the head's repository on Hugging Face.
    """

    path: str
    digest: str = ""
    url: str = ""


@dataclass(frozen=True)
class Entry:
    """A published head.

    Attributes
    ----------
    name
        What it is called here.
    kind
        What it is, in a few words.
    modality
        The feature that it takes.
    origin
        Licence, attribution, protocol, published scores.
    files
        What it is made of.
    repository, revision
        On Hugging Face; empty: elsewhere.
    listed
        The names of the files are not known beforehand: the repository is asked for them.
    unknown
        What could not be verified.
    """

    name: str
    kind: str
    modality: str
    origin: Origin
    files: tuple[HostedFile, ...] = ()
    repository: str = ""
    revision: str = ""
    listed: bool = False
    unknown: str = ""

    @property
    def address(self) -> str:
        """Where a person finds it."""
        if self.repository:
            return f"https://huggingface.co/{self.repository}/tree/{self.revision}"
        return self.files[0].url.replace(SOCCERNET, SOCCERNET_PAGE)


def _spivak(suffix: str, protocol: str, confidence: str, delta: str, digest: str = "") -> Entry:
    """Describe one of the three trainings."""
    variables = [f"models/{folder}/variables/variables" for folder in (confidence, delta)]
    files = [HostedFile(_NORMALISER, f"sha256:{_NORMALISER_SHA256}")]
    for path, known in zip(variables, (digest, ""), strict=True):
        files += [HostedFile(f"{path}.index"), HostedFile(f"{path}.data-00000-of-00001", known)]
    return Entry(
        f"spivak-resnet{suffix}",
        "dense anchors: U-net, confidence and displacement of every row",
        "ResNET_TF2",
        Origin(
            name=f"spivak-resnet{suffix}",
            protocol=protocol,
            licence="CC-BY-4.0",
            scores="none published on ResNet features alone",
        ),
        tuple(files),
        SPIVAK_REPOSITORY,
        SPIVAK_REVISION,
        unknown="its score: measure it with Evaluation/CompareHeads.py",
    )


def _zoo(name: str, kind: str, repository: str, revision: str, scores: str) -> Entry:
    return Entry(
        name,
        kind,
        "ResNET_TF2_PCA512",
        Origin(
            name=name,
            protocol="trained on train, stopped on valid; test unseen",
            licence="not verified; OpenSportsLab's other models are AGPL-3.0: read it there",
            scores=scores,
        ),
        repository=f"OpenSportsLab/{repository}",
        revision=revision,
        listed=True,
        unknown="licence and names of its files, which are asked for when it is fetched",
    )


def _soccernet(
    name: str, kind: str, path: str, blob: str, scores: str, modality: str = "ResNET_TF2_PCA512"
) -> Entry:
    path = f"Benchmarks/{path}/model.pth.tar"
    return Entry(
        name,
        kind,
        modality,
        Origin(
            name=name,
            protocol="trained on train, stopped on valid; test unseen",
            licence="Apache-2.0 (as the repository's benchmarks)",
            scores=scores,
        ),
        (HostedFile("model.pth.tar", f"git:{blob}", f"{SOCCERNET}{path}"),),
    )


ENTRIES = {
    entry.name: entry
    for entry in (
        _spivak(
            "",
            "trained on train, validated on valid; test unseen",
            "spotting_test_resnet_normalized_confidence_zoo_lr1e-3_dwd2e-4_sr0.5_mu2.0/best_model",
            "spotting_test_resnet_normalized_delta_zoo_lr1e-3_dwd5e-4_sr0.5/best_model",
        ),
        _spivak(
            "-challenge-validated",
            "trained on train and test, validated on valid: not honest on test games",
            "spotting_challenge_validated_resnet_normalized_confidence_zoo_"
            "lr5e-4_dwd2e-4_sr0.02_mu0.0/best_model",
            "spotting_challenge_validated_resnet_normalized_delta_zoo_"
            "lr5e-4_dwd2e-4_sr0.7/best_model",
            "sha256:af234e7040cde800587cca70ff960bfb93f967df2f66bceb5e2df43b777cf444",
        ),
        _spivak(
            "-challenge",
            "trained on train, valid and test: not honest on any of them",
            "spotting_challenge_resnet_normalized_confidence_zoo_"
            "lr5e-4_dwd2e-4_sr0.02_mu0.0_e500/last_model",
            "spotting_challenge_resnet_normalized_delta_zoo_"
            "lr5e-4_dwd2e-4_sr0.7_e1250_lrdle1250/last_model",
        ),
        _zoo(
            "netvladpp-pca512",
            "NetVLAD++: a window of some 30 s, pooled before and after its middle",
            "OSL-loc-NetVLADpp",
            "soccernet_netvladpp_resnet_pca512",
            "test: loose 50.50, tight 11.95",
        ),
        _zoo(
            "netvlad-pca512",
            "NetVLAD: a window, pooled as one",
            "OSL-loc-NetVLAD",
            "soccernet_netvlad_resnet_pca512",
            "test: loose 48.35, tight 7.38",
        ),
        _soccernet(
            "netvladpp-resnet",
            "NetVLAD++ on 2048 numbers: a window of 15 s",
            "TemporallyAwarePooling/models/NetVLAD++",
            "0c9f6a2b915369b983d2d225ef2183febb16a8da",
            "test: loose 53.24",
            "ResNET_TF2",
        ),
        _soccernet(
            "netvlad-v1",
            "NetVLAD of SoccerNet-v1's three classes: a window of 20 s",
            "Pooling/models/NETVLAD_v1",
            "373fdd4b2e8fc33ab638781d50b1d20e9772e92c",
            "test, 3 classes: loose 44.67",
        ),
        _soccernet(
            "netvlad-v2",
            "NetVLAD: a window of 20 s",
            "Pooling/models/NETVLAD_v2",
            "ad96b56764f89d7d1953fb0a2773cd59583251d9",
            "test: loose 31.37",
        ),
        _soccernet(
            "maxpool-v1",
            "MaxPool of SoccerNet-v1's three classes: a window of 20 s",
            "Pooling/models/MAXPOOL_v1",
            "c64a6a364a0afb3b56217873deb9cbcbc16f2d6b",
            "test, 3 classes: loose 29.52",
        ),
        _soccernet(
            "maxpool-v2",
            "MaxPool: a window of 20 s",
            "Pooling/models/MAXPOOL_v2",
            "902a6af82a0526ed6350fd546207135027330a8d",
            "test: loose 18.58",
        ),
    )
}
"""The heads by name."""

BEST_FIRST = ("spivak-resnet", "netvladpp-resnet", "netvladpp-pca512", "netvlad-pca512")
"""What is tried where no head is named: the only one that localises, then by published score."""


def entry_named(name: str) -> Entry:
    """Find a head by its name.

    Parameters
    ----------
    name
        Such as ``spivak-resnet``.

    Returns
    -------
    Entry

    Raises
    ------
    UsageError
        No such head; the nearest name is given.

    Examples
    --------
    >>> entry_named("maxpool-v2").modality
    'ResNET_TF2_PCA512'
    """
    if name not in ENTRIES:
        raise UsageError(f"{unknown('published head', name, ENTRIES)}, nor is it a model folder")
    return ENTRIES[name]


def catalogue_text() -> str:
    """Lay out the catalogue for people.

    Returns
    -------
    str
        A table, and what is not known of the heads.

    Examples
    --------
    >>> "spivak-resnet" in catalogue_text()
    True
    """
    rows = [[e.name, e.modality, e.origin.scores, e.origin.licence] for e in ENTRIES.values()]
    lines = [table(["name", "features", "published scores (average-mAP, %)", "licence"], rows), ""]
    for entry in ENTRIES.values():
        lines.append(f"{entry.name}: {entry.kind}; {entry.origin.protocol}")
        if entry.unknown:
            lines.append(f"  not known: {entry.unknown}")
        lines.append(f"  {entry.address}")
    return "\n".join(lines)
