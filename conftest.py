"""What the examples in docstrings leave behind lies where pytest clears up."""

import tempfile

import pytest


@pytest.fixture(scope="session", autouse=True)
def _temporary_folder(tmp_path_factory):
    tempfile.tempdir = str(tmp_path_factory.mktemp("temporary"))
    yield
    tempfile.tempdir = None
