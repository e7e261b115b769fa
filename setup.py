"""Install the library ``action_spotting`` and its program ``action-spotting``."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def requirements() -> list[str]:
    """The lines of requirements.txt without their comments."""
    lines = (HERE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [name for line in lines if (name := line.split("#")[0].strip())]


setup(
    name="action_spotting",
    version="0.1.0",
    description="What happened when in a football match: action spotting from picture and sound",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=["action_spotting*"]),
    package_data={"action_spotting": ["py.typed", "*/templates/*"]},
    entry_points={"console_scripts": ["action-spotting = action_spotting.cli.program:main"]},
    install_requires=requirements(),
    extras_require={
        # other back ends of Keras than TensorFlow: KERAS_BACKEND=torch, KERAS_BACKEND=jax
        "torch": ["torch>=2.15", "keras>=3.15"],
        "jax": ["jax>=0.10", "keras>=3.15"],
        # with the libraries of NVIDIA's GPUs; PyTorch's packages for Linux bring them anyway
        "jax-gpu": ["jax[cuda12]>=0.10", "keras>=3.15"],
        "tensorflow-gpu": ["tensorflow[and-cuda]>=2.18"],
        # many machines: --scheduler (on SLURM with dask-jobqueue)
        "cluster": ["distributed>=2024.5"],
        "dev": [
            "pytest>=8",
            "pytest-xdist>=3.5",
            "hypothesis>=6.100",
            "ruff>=0.6",
            "mypy>=1.11",
            "numpydoc>=1.8",
            "distributed>=2024.5",
            "jax>=0.10",  # a second back end of Keras
            # other programs' readers of what we export
            "webvtt-py>=0.5",
            "pysubs2>=1.7",
            "opentimelineio>=0.18.1",
            "otio-cmx3600-adapter>=1.0",
            "kloppy>=3.15",
            "moviepy>=2.1",  # holds pillow below 12
            "openpyxl>=3.1",
            # drives the machine's Chromium through the report; without one those tests are skipped
            "playwright>=1.49",
        ],
    },
)
