import base64
import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from crescendai.errors import DataError
from crescendai.report.media import (
    HIDDEN_COLOUR,
    MP3_SAMPLE_RATES_HZ,
    PICTURE_COLUMNS,
    read_sounds,
    roll_uri,
    spectrogram_uri,
    to_mp3_uri,
)


def flac(rate_hz: int, duration_s: float, frequency_hz: float = 440) -> bytes:
    time_s = np.arange(int(rate_hz * duration_s)) / rate_hz
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.3 * np.sin(2 * np.pi * frequency_hz * time_s), rate_hz, format="FLAC")
    return buffer.getvalue()


def content(uri: str) -> io.BytesIO:
    return io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))


@pytest.mark.parametrize("rate_hz", [8000, 22050, 30000, 44100, 96000])
def test_mp3_keeps_pitch_level_and_length_at_any_rate(rate_hz):
    samples, rate = soundfile.read(content(to_mp3_uri(flac(rate_hz, 1.5))))
    assert rate in MP3_SAMPLE_RATES_HZ
    assert len(samples) / rate == pytest.approx(1.5, abs=0.2)  # MP3 pads to whole frames
    middle = samples[len(samples) // 4 : len(samples) // 2]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert spectrum.argmax() * rate / len(middle) == pytest.approx(440, abs=4)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.95 * 0.3 / np.sqrt(2), rel=0.05)  # LAME: -0.4 dB


def test_six_of_the_longest_clips_fit_into_the_page():
    # PercePiano's longest clip has 100 s; noise is the hardest to compress.
    samples = 0.1 * np.random.default_rng(0).standard_normal(20 * 22050)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 22050, format="FLAC")
    picture = spectrogram_uri(np.random.default_rng(0).uniform(-80, 0, (4307, 256)), top_db=0)
    assert 6 * (5 * len(to_mp3_uri(buffer.getvalue())) + len(picture)) < 7e6


def test_picture_has_low_notes_at_the_bottom_and_loud_bright():
    log_mel = np.full((50, 8), -100.0)
    log_mel[:, 0] = 0.0
    picture = np.asarray(Image.open(content(spectrogram_uri(log_mel, top_db=0))).convert("L"))
    assert picture.shape == (8, 50)
    assert picture[-1].min() > picture[0].max()


def test_what_is_hidden_is_grey_and_nothing_else_is():
    log_mel = np.linspace(-80, 5, 60 * 8).reshape(60, 8)
    log_mel[10:20, :4] = np.nan
    picture = np.asarray(Image.open(content(spectrogram_uri(log_mel, top_db=0))).convert("RGB"))
    grey = (picture == HIDDEN_COLOUR).all(axis=2)
    assert (grey == np.isnan(log_mel).T[::-1]).all()


def test_a_piano_roll_has_low_keys_at_the_bottom_and_certainty_bright():
    chances = np.zeros((30, 88))
    chances[:, 0], chances[:, 87] = 1.0, 0.5
    picture = np.asarray(Image.open(content(roll_uri(chances))).convert("L"))
    assert picture.shape == (88, 30)
    assert picture[-1].min() > picture[0].min() > picture[1].max()


def test_an_onset_is_visible_however_long_the_clip():
    log_mel = np.full((10 * PICTURE_COLUMNS, 4), -100.0)
    log_mel[4321] = 0.0
    picture = np.asarray(Image.open(content(spectrogram_uri(log_mel, top_db=0))).convert("L"))
    assert picture.shape == (4, PICTURE_COLUMNS)
    assert (picture[0] > 200).sum() == 1


def test_a_clip_without_sound_is_named(run_folder):
    with pytest.raises(DataError, match="no_such_clip"):
        read_sounds(run_folder / "data" / "demo" / "audio.parquet", ["no_such_clip"])
