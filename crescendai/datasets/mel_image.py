"""A sound made of a picture of its mel spectrogram, for data that keep no other.

The picture is read as most programs draw one: time to the right, a frame of `HOP_LENGTH` samples a column, mel bands
upwards to half the sampling rate, and brightness in proportion to the level in dB over `RANGE_DB`. Phases are made up
(Griffin and Lim, *Signal estimation from modified short-time Fourier transform*, IEEE Trans. ASSP 32, 1984), and how
loud the sound was a picture does not say. Good enough for what a log-mel spectrogram will show of it again.
"""

import io
from functools import lru_cache

import librosa
import numpy as np
import soundfile
from PIL import Image, UnidentifiedImageError

from crescendai.audio.logmel import mel_filterbank
from crescendai.errors import DataError

N_MELS = 128
N_FFT, HOP_LENGTH = 2048, 512
RANGE_DB = 80.0
ITERATIONS = 32
PEAK = 0.5


def sound_of_mel_image(picture: bytes, name: str, sample_rate_hz: int) -> bytes:
    """FLAC bytes, mono; ``name`` is for the error message.

    Raises:
        DataError: no picture, or one with nothing in it.
    """
    try:
        with Image.open(io.BytesIO(picture)) as image:
            grey = image.convert("L")  # of the colour maps in use, brightness rises with the level
            rows = np.asarray(grey.resize((grey.width, N_MELS)), dtype=np.float64)[::-1]  # low bands first
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"clip {name}: expected a picture, found {error}; take upstream's files") from error
    dark, bright = rows.min(), rows.max()
    if dark == bright:
        raise DataError(f"clip {name}: expected a picture of a sound, found one colour; take upstream's files")
    mel_power = 10.0 ** (RANGE_DB * ((rows - dark) / (bright - dark) - 1.0) / 10.0)  # [f, t]
    power = np.maximum(_from_mel(sample_rate_hz) @ mel_power, 0.0)
    samples = librosa.griffinlim(
        np.sqrt(power), n_iter=ITERATIONS, hop_length=HOP_LENGTH, n_fft=N_FFT, random_state=0
    )  # fmt: skip
    samples *= PEAK / max(np.abs(samples).max(), 1e-9)
    flac = io.BytesIO()
    soundfile.write(flac, samples.astype(np.float32), sample_rate_hz, format="FLAC", subtype="PCM_16")
    return flac.getvalue()


@lru_cache(maxsize=1)
def _from_mel(sample_rate_hz: int) -> np.ndarray:
    """Power in mel bands to power in bins, by least squares: ``[bin, f]``."""
    return np.linalg.pinv(mel_filterbank(sample_rate_hz, N_FFT, N_MELS, 0.0, sample_rate_hz / 2).astype(np.float64))
