"""A stretch of a long recording, decoded block by block: memory follows from the stretch, not from the file."""

from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from crescendai.errors import DataError

BLOCK_S = 5.0


def recording_seconds(stream: BinaryIO, name: str) -> float:
    """How long a recording is, from its header.

    Raises:
        DataError: not audio.
    """
    with _opened(stream, name) as file:
        return file.frames / file.samplerate


def read_recording(stream: BinaryIO, name: str, start_s: float, end_s: float, sample_rate_hz: int) -> np.ndarray:
    """Decodes ``[start_s, end_s)`` of a WAV or FLAC: float32 ``[samples]``, mono, level kept.

    Raises:
        DataError: not audio, it ends before ``end_s``, or samples are not finite.
    """
    with _opened(stream, name) as file:
        rate_hz = file.samplerate
        file.seek(min(round(start_s * rate_hz), file.frames))
        left = round(end_s * rate_hz) - round(start_s * rate_hz)
        resampler = soxr.ResampleStream(rate_hz, sample_rate_hz, 1, dtype="float32", quality="HQ")
        blocks = []
        while left:
            block = file.read(min(left, round(BLOCK_S * rate_hz)), dtype="float32", always_2d=True)
            left -= len(block)
            if not len(block) or not np.isfinite(block).all():
                what = "samples that are not finite" if len(block) else f"its end {left / rate_hz:.1f} s too early"
                raise DataError(f"{name}: expected sound until {end_s:.1f} s, found {what}; fetch it again")
            blocks.append(resampler.resample_chunk(block.mean(axis=1), last=not left))
    return np.concatenate(blocks)


def _opened(stream: BinaryIO, name: str) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(stream)
    except soundfile.LibsndfileError as error:
        raise DataError(f"{name}: expected a recording, found bytes that do not decode ({error}); fetch it "
                        "again") from error
