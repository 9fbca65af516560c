"""Spectrograms that a client made: from JSON or from the bytes of a .npy file, which is read without pickle."""

import io

import numpy as np
from pydantic import ValidationError

from crescendai.api.contracts import SpectrogramRequest
from crescendai.api.refusals import Refusal

KINDS = {"f2", "f4", "f8"}
RANGE_DB = (-300.0, 100.0)


def from_json(body: bytes) -> np.ndarray:
    """``[t, f]`` float32.

    Raises:
        Refusal: not a `SpectrogramRequest`, or frames of different lengths.
    """
    try:
        frames = SpectrogramRequest.model_validate_json(body).log_mel
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Refusal("invalid_spectrogram", f"spectrogram: {place or 'body'}: {first['msg']}.") from None
    if len({len(frame) for frame in frames}) != 1:
        raise Refusal("invalid_spectrogram", "spectrogram: expected frames of one length, found several.")
    return np.array(frames, np.float32)


def from_npy(body: bytes) -> np.ndarray:
    """``[t, f]`` float32; the header is believed only where it agrees with the number of bytes.

    Raises:
        Refusal: not a .npy file of two axes of floats, whole.
    """
    file = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, fortran, dtype = read(file)
    except Exception:  # NumPy reads the header as Python text, and lets every error of Python's parsers through
        raise Refusal("invalid_spectrogram", "spectrogram: expected a .npy file, found other bytes.") from None
    if dtype.str[1:] not in KINDS or len(shape) != 2 or fortran:
        raise Refusal(
            "invalid_spectrogram", "spectrogram: expected floats of two axes in C order, found another array."
        )
    rest = body[file.tell() :]
    if min(shape) < 1 or shape[0] * shape[1] * dtype.itemsize != len(rest):
        raise Refusal("invalid_spectrogram", "spectrogram: expected as many bytes as its header says, found others.")
    return np.frombuffer(rest, dtype).reshape(shape).astype(np.float32)


def checked(
    log_mel: np.ndarray, frontend: dict[str, float | str], min_duration_s: float, max_duration_s: float
) -> np.ndarray:
    """The spectrogram as the model's frontend would give it: nothing below its floor.

    Raises:
        Refusal: other bands, too short or long, not finite, or no levels in dB.
    """
    bands, hop_s = frontend["n_mels"], frontend["hop_length"] / frontend["sample_rate_hz"]
    if log_mel.shape[1] != bands:
        raise Refusal("invalid_spectrogram", f"spectrogram: expected {bands} mel bands, found {log_mel.shape[1]}.")
    duration_s = len(log_mel) * hop_s
    if duration_s < min_duration_s:
        raise Refusal("too_short", f"spectrogram: expected at least {min_duration_s:g} s, found {duration_s:.2f} s.")
    if duration_s > max_duration_s:
        raise Refusal("too_long", f"spectrogram: expected at most {max_duration_s:g} s, found {duration_s:.0f} s.")
    if not np.isfinite(log_mel).all():
        raise Refusal("not_finite", "spectrogram: expected finite levels, found NaN or infinity.")
    low, high = RANGE_DB
    if log_mel.min() < low or log_mel.max() > high:
        raise Refusal("invalid_spectrogram", f"spectrogram: expected levels of {low:g} to {high:g} dB, found others.")
    return np.maximum(log_mel, np.float32(frontend["floor_db"]))
