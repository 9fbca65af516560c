"""Audio files to mono samples at one rate: WAV, FLAC, MP3 and OGG."""

import io
from pathlib import Path

import numpy as np
import soundfile
import soxr

from crescendai.errors import DataError


def load_audio(path: Path, sample_rate_hz: int) -> np.ndarray:
    """Decodes a file: float32 ``[samples]``, mono (mean of the channels), full scale ±1, level kept.

    Raises:
        DataError: no such file, empty, not audio, truncated, or samples that are not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: expected an audio file, found none; check the path")
    return load_audio_bytes(path.read_bytes(), str(path), sample_rate_hz)


def load_audio_bytes(content: bytes, name: str, sample_rate_hz: int) -> np.ndarray:
    """As `load_audio`, for the bytes of a file; ``name`` is for the error message."""
    advice = "give a WAV, FLAC, MP3 or OGG file"
    if not content:
        raise DataError(f"{name}: expected audio, found an empty file; {advice}")
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            promised, rate_hz = file.frames, file.samplerate
            channels = file.read(dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise DataError(
            f"{name}: expected audio, found bytes that do not decode ({error}); {advice}"
        ) from error
    if len(channels) < promised or _ends_early(content):
        raise DataError(
            f"{name}: expected a whole file, found one that ends after {len(channels) / rate_hz:.1f} s; "
            "copy or export it again"
        )
    audio = channels.mean(axis=1)
    if not len(audio):
        raise DataError(f"{name}: expected audio, found no samples; {advice}")
    if not np.isfinite(audio).all():
        raise DataError(f"{name}: expected finite samples, found NaN or infinity; export the recording again")
    return audio if rate_hz == sample_rate_hz else soxr.resample(audio, rate_hz, sample_rate_hz, quality="HQ")


def _ends_early(content: bytes) -> bool:
    """Whether a WAV or OGG file is shorter than it says; libsndfile reads such files without a word."""
    if content[:4] == b"RIFF":
        size = int.from_bytes(content[4:8], "little")
        # Programs that write to a pipe leave 0 or the largest number, and mean "unknown".
        return size not in (0, 0xFFFFFFFF) and size + 8 > len(content)
    if content[:4] == b"OggS":
        last_page = content[content.rfind(b"OggS") :]
        if len(last_page) < 27 or not last_page[5] & 4:  # no end-of-stream flag
            return True
        segments = last_page[26]
        return len(last_page) < 27 + segments + sum(last_page[27 : 27 + segments])
    return False
