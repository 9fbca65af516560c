"""Recordings of any length in blocks: decoded, checked, mixed to mono and resampled, in little memory.

`crescendai.audio.load` holds a whole recording and trusts its file; here neither is needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from crescendai.audio.refusal import RefusedAudio
from crescendai.audio.sniff import ADVICE, sniff

BLOCK_FRAMES = 65536  # decoded at once: 2 MB at 8 channels
SAMPLE_RATES_HZ = (8_000, 192_000)
MAX_CHANNELS = 8
MIN_DURATION_S = 1.0  # a stroke and its sound; less is no playing
MAX_AMPLITUDE = 16.0  # +24 dB over full scale: floats in the units of integers are far above
NAMES_OF = {"WAV": ("WAV", "WAVEX"), "FLAC": ("FLAC",), "MP3": ("MP3",), "OGG": ("OGG",)}  # libsndfile's
CLIPPED = 0.999  # of full scale
UNKNOWN_FRAMES = 2**62  # libsndfile's word for a length that the header does not tell


@dataclass(frozen=True)
class Format:
    """How a recording came: container, rate in Hz and channels."""

    container: str
    sample_rate_hz: int
    channels: int


class _ForwardOnly(soundfile.SoundFile):
    """soundfile seeks to where it is after every read, which makes an MP3 decoder lose its bit reservoir."""

    def seekable(self) -> bool:
        return False


class AudioStream:
    """A recording as blocks of mono samples.

    While blocks are read, ``peak`` is the largest amplitude so far, in any channel and at the rate that the recording
    came with, and ``clipped_share`` the share of its samples at full scale: mixing down would hide both.

    file: can seek. name: for error messages. max_duration_s: longer recordings are refused.
    """

    def __init__(self, file: BinaryIO, name: str, max_duration_s: float):
        self.name, self.max_duration_s = name, max_duration_s
        container = sniff(file, name)
        try:
            self._file = _ForwardOnly(file)
        except (soundfile.LibsndfileError, ValueError, OverflowError) as error:
            raise self._damaged(f"bytes that do not decode ({error})") from error
        self.format = Format(container, self._file.samplerate, self._file.channels)
        self._check_header()
        self.peak, self._clipped, self._samples = 0.0, 0, 0

    @property
    def clipped_share(self) -> float:
        return self._clipped / max(self._samples, 1)

    def blocks(self, sample_rate_hz: int) -> Iterator[np.ndarray]:
        """Mono float32 ``[samples]`` at a rate, full scale ±1, level kept; the mean of the channels.

        Raises:
            RefusedAudio: damaged, not finite, out of range, empty, too short or too long; see its ``CODES``.
        """
        resampler = soxr.ResampleStream(self.format.sample_rate_hz, sample_rate_hz, 1, "float32", quality="HQ")
        promised, found = self._file.frames, 0
        while len(block := self._read()):
            found += len(block)
            if found > self.max_duration_s * self.format.sample_rate_hz:
                raise self._too_long()
            self._check_samples(block, found)
            resampled = resampler.resample_chunk(block.mean(axis=1))
            if len(resampled):
                yield resampled
        if not found:
            raise RefusedAudio("empty", f"{self.name}: expected audio, found no samples; {ADVICE}")
        found_s = found / self.format.sample_rate_hz
        if promised < UNKNOWN_FRAMES and found < promised:
            raise self._damaged(f"one that ends after {found_s:.1f} s")
        if found_s < MIN_DURATION_S:
            raise RefusedAudio(
                "too_short", f"{self.name}: expected at least {MIN_DURATION_S:g} s of playing, found {found_s:.2f} s"
            )
        last = resampler.resample_chunk(np.zeros(0, np.float32), last=True)
        if len(last):
            yield last

    def close(self) -> None:
        self._file.close()

    def _read(self) -> np.ndarray:
        try:
            return self._file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise self._damaged(f"bytes that do not decode ({error})") from error

    def _check_header(self) -> None:
        low, high = SAMPLE_RATES_HZ
        rate, channels = self.format.sample_rate_hz, self.format.channels
        if self._file.format not in NAMES_OF[self.format.container]:  # another decoder than the one that was looked for
            raise self._damaged(f"{self._file.format} inside of {self.format.container}")
        if not low <= rate <= high:
            raise RefusedAudio(
                "sample_rate_out_of_range",
                f"{self.name}: expected a sample rate of {low} to {high} Hz, found {rate}; resample the recording",
            )
        if channels > MAX_CHANNELS:
            raise RefusedAudio(
                "too_many_channels",
                f"{self.name}: expected at most {MAX_CHANNELS} channels, found {channels}; mix the recording down",
            )
        if UNKNOWN_FRAMES > self._file.frames > self.max_duration_s * rate:
            raise self._too_long()

    def _check_samples(self, block: np.ndarray, found: int) -> None:
        amplitude = np.abs(block)
        largest = amplitude.max()
        at_s = (found - len(block)) / self.format.sample_rate_hz
        if not np.isfinite(largest):
            raise RefusedAudio(
                "not_finite",
                f"{self.name}: expected finite samples, found NaN or infinity after {at_s:.1f} s; export it again",
            )
        if largest > MAX_AMPLITUDE:
            raise RefusedAudio(
                "level_out_of_range",
                f"{self.name}: expected samples within ±1, found {largest:.3g}; export it again at full scale 1",
            )
        self.peak = max(self.peak, float(largest))
        self._clipped += int((amplitude >= CLIPPED).sum())
        self._samples += block.size

    def _too_long(self) -> RefusedAudio:
        return RefusedAudio(
            "too_long",
            f"{self.name}: expected at most {self.max_duration_s:g} s, found more; cut the recording into parts",
        )

    def _damaged(self, found: str) -> RefusedAudio:
        return RefusedAudio(
            "damaged_audio", f"{self.name}: expected a whole recording, found {found}; copy or export it again"
        )
