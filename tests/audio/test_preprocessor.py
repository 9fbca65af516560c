"""The public preprocessor: shapes, known signals, levels kept unless asked."""

import numpy as np
import pytest
import soundfile

from crescendai.audio.loudness import integrated_loudness_lufs
from crescendai.audio.preprocessor import PianoAudioPreprocessor
from crescendai.errors import DataError, ParamsError


@pytest.fixture(scope="module")
def preprocessor() -> PianoAudioPreprocessor:
    return PianoAudioPreprocessor()


def plucks(interval_s: float, seconds: float = 8.0, sr: int = 22050) -> np.ndarray:
    audio, length = np.zeros(int(seconds * sr)), int(0.4 * sr)
    note = np.sin(2 * np.pi * 440 * np.arange(length) / sr) * np.exp(-np.arange(length) / (0.08 * sr))
    for onset_s in np.arange(0.2, seconds - 0.5, interval_s):
        audio[int(onset_s * sr) :][:length] += 0.3 * note
    return audio.astype(np.float32)


@pytest.fixture
def quiet_file(tmp_path):
    path = tmp_path / "quiet.wav"
    soundfile.write(path, 0.1 * plucks(0.5), 22050, subtype="FLOAT")
    return path


def test_the_level_is_kept_unless_asked(preprocessor, quiet_file):
    audio, sr = preprocessor.load_and_normalize_audio(quiet_file)
    assert sr == 22050
    np.testing.assert_allclose(audio, 0.1 * plucks(0.5), atol=1e-6)


def test_peak_and_loudness_normalisation_reach_their_targets(preprocessor, quiet_file):
    peak, _ = preprocessor.load_and_normalize_audio(quiet_file, "peak")
    loud, sr = preprocessor.load_and_normalize_audio(quiet_file, "loudness")
    assert np.abs(peak).max() == pytest.approx(0.99, abs=1e-4)
    assert integrated_loudness_lufs(loud, sr) == pytest.approx(-23.0, abs=0.1)
    with pytest.raises(ParamsError, match="loudest"):
        preprocessor.load_and_normalize_audio(quiet_file, "loudest")


@pytest.mark.parametrize("normalization", ["none", "peak", "loudness"])
def test_silence_stays_silence(preprocessor, tmp_path, normalization):
    soundfile.write(tmp_path / "silence.wav", np.zeros(22050), 22050)
    audio, _ = preprocessor.load_and_normalize_audio(tmp_path / "silence.wav", normalization)
    assert (audio == 0).all()


def test_missing_file_is_a_data_error(preprocessor, tmp_path):
    with pytest.raises(DataError):
        preprocessor.load_and_normalize_audio(tmp_path / "none.wav")


@pytest.mark.parametrize("samples", [1, 300, 1500, 22050])
def test_curves_share_their_frames_and_are_finite(preprocessor, samples):
    curves = preprocessor.extract_spectral_features(plucks(0.5)[:samples], 22050)
    assert {name: curve.shape for name, curve in curves.items()} == {
        "mel_db": (1 + samples // 512, 128), "mfcc": (1 + samples // 512, 20),
        "chroma": (1 + samples // 512, 12)
    }  # fmt: skip
    assert all(np.isfinite(curve).all() for curve in curves.values())


def test_a440_is_an_a(preprocessor):
    chroma = preprocessor.extract_spectral_features(plucks(0.5), 22050)["chroma"]
    assert chroma.mean(axis=0).argmax() == 9


@pytest.mark.slow  # numba compiles the beat tracker
def test_tempo_and_regularity_of_a_metronome(preprocessor):
    scalars = preprocessor.extract_scalar_features(plucks(0.5), 22050)
    assert scalars["tempo_bpm"] == pytest.approx(120, rel=0.05)
    assert scalars["beat_regularity"] > 0.9
    assert scalars["onsets_per_s"] == pytest.approx(2, abs=0.4)


@pytest.mark.slow
def test_half_as_loud_is_6_db_less_and_nothing_else(preprocessor):
    loud = preprocessor.extract_scalar_features(plucks(0.5), 22050)
    soft = preprocessor.extract_scalar_features(0.5 * plucks(0.5), 22050)
    assert loud["peak_db"] - soft["peak_db"] == pytest.approx(6.02, abs=0.01)
    assert loud["spectral_centroid_hz_mean"] == pytest.approx(soft["spectral_centroid_hz_mean"], rel=1e-3)


@pytest.mark.parametrize("audio", [np.zeros(22050), np.zeros(1), np.full(100, 0.1)])
def test_scalars_are_finite_for_silence_and_very_short_clips(preprocessor, audio):
    scalars = preprocessor.extract_scalar_features(audio.astype(np.float32), 22050)
    assert np.isfinite(list(scalars.values())).all()


def test_impossible_settings_are_refused():
    with pytest.raises(ParamsError, match="hop_length"):
        PianoAudioPreprocessor(hop_length=0)
