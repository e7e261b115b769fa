"""Small media for the driver."""

import numpy as np
import pytest
import scipy.io.wavfile


@pytest.fixture
def wav_file(tmp_path):
    """Two seconds of sound without a picture."""
    path = tmp_path / "sound.wav"
    scipy.io.wavfile.write(path, 16000, np.ones(32000, np.int16))
    return path


@pytest.fixture(scope="module")
def film(new_video, tmp_path_factory):
    """Four seconds of picture and sound."""
    return new_video(tmp_path_factory.mktemp("film") / "film.mkv", sound_s=4.0)
