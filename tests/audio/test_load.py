"""Audio files decode to mono at one rate, or are refused with a reason."""

import io

import numpy as np
import pytest
import soundfile

from crescendai.audio.load import load_audio, load_audio_bytes
from crescendai.errors import DataError

FORMATS = [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")]


def encoded(audio: np.ndarray, rate_hz: int, container: str = "WAV", subtype: str = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, audio, rate_hz, format=container, subtype=subtype)
    return buffer.getvalue()


def sine(seconds: float, rate_hz: int) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate_hz)) / rate_hz)


@pytest.mark.parametrize(("container", "subtype"), FORMATS)
def test_level_and_length_survive_decoding_and_resampling(container, subtype):
    audio = load_audio_bytes(encoded(sine(2.0, 44100), 44100, container, subtype), "clip", 22050)
    assert audio.dtype == np.float32 and audio.ndim == 1
    assert abs(len(audio) - 44100) < 2400  # MP3 pads
    assert np.sqrt(np.mean(audio[8000:30000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)


def test_channels_are_averaged():
    stereo = np.stack([np.full(1000, 0.5), np.full(1000, -0.25)], axis=1)
    np.testing.assert_allclose(load_audio_bytes(encoded(stereo, 22050), "clip", 22050), 0.125, atol=1e-4)


@pytest.mark.parametrize(("container", "subtype"), FORMATS)
@pytest.mark.filterwarnings("ignore")
def test_truncated_files_are_refused(container, subtype):
    content = encoded(sine(3.0, 22050), 22050, container, subtype)
    with pytest.raises(DataError, match=r"clip\.x"):
        load_audio_bytes(content[: len(content) // 2], "clip.x", 22050)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "empty"),
        (b"this is no audio at all" * 20, "do not decode"),
        (encoded(np.zeros(0), 22050), "no samples"),
        (encoded(np.array([0.0, np.nan, 0.1]), 22050, subtype="FLOAT"), "NaN"),
        (encoded(np.array([0.0, np.inf, 0.1]), 22050, subtype="FLOAT"), "infinity"),
    ],
    ids=["nothing", "text", "no samples", "NaN", "infinity"],  # float WAV holds the time it was written
)
def test_what_cannot_be_heard_is_refused(content, found):
    with pytest.raises(DataError, match=found):
        load_audio_bytes(content, "clip", 22050)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nothing\.wav"):
        load_audio(tmp_path / "nothing.wav", 22050)
