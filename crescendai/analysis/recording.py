"""A recording as the model's spectrogram, measured on the way."""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from crescendai.audio.logmel_stream import log_mel_blocks
from crescendai.audio.sound_facts import SoundFacts, SoundMeter
from crescendai.audio.stream import AudioStream


class HeardRecording:
    """A recording as log-mel blocks, measured while they pass."""

    def __init__(self, file: BinaryIO, name: str, frontend: dict[str, float | str], max_duration_s: float):
        self._stream = AudioStream(file, name, max_duration_s)
        self._frontend = frontend
        self._meter = SoundMeter(frontend["sample_rate_hz"])

    def log_mel(self) -> Iterator[np.ndarray]:
        """``[t, f]`` dB each; raises as `crescendai.audio.stream.AudioStream.blocks`."""
        try:
            yield from log_mel_blocks(self._measured(), self._frontend)
        finally:
            self._stream.close()

    def facts(self) -> SoundFacts:
        """Of all that has passed."""
        stream = self._stream
        return self._meter.facts(
            stream.format.sample_rate_hz, stream.format.channels, stream.peak, stream.clipped_share
        )

    def _measured(self) -> Iterator[np.ndarray]:
        for block in self._stream.blocks(self._frontend["sample_rate_hz"]):
            self._meter.add(block)
            yield block
