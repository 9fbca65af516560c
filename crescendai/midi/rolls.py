"""A performance frame by frame: what a network that transcribes has to tell from the sound."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from crescendai.midi.damping import DAMPED, FREE, damped_offsets_s
from crescendai.midi.notes import Performance
from crescendai.midi.sounding import PEDAL_DOWN, depth_at

LOWEST_KEY, NUM_KEYS = 21, 88  # A0 to C8
SUSTAIN = 64
HIGHEST_VALUE = 127.0
PEDAL_DEPTHS = (DAMPED + 1, PEDAL_DOWN, FREE)  # dampers leave the strings, are half up, are off them


class Rolls(NamedTuple):
    """Frames are centred on times 0, hop, 2·hop, … as those of the spectrogram."""

    onset: np.ndarray  # bool [t, key] a key is struck
    sounding: np.ndarray  # bool [t, key] its string rings: key down, or dampers off it since
    velocity: np.ndarray  # float32 [t, key] of the key struck, 0 to 1; 0 where none is
    pedal: np.ndarray  # float32 [t, depth] 1 where the sustain pedal is at that of PEDAL_DEPTHS or deeper


@dataclass(frozen=True)
class FrameNotes:
    """The notes of a performance in frames: a few kilobytes from which any stretch of its rolls is made.

    Strings ring as `crescendai.midi.damping` has it, which is how pianos of `crescendai.audio.render` sound, but for
    those of sfizz.

    key: ``[note]`` 0 to 87. first, last: ``[note]`` frame of the stroke, and of the damper. velocity: 0 to 1.
    pedal: uint8 ``[t]`` depth of the sustain pedal, 0 to 127.
    """

    key: np.ndarray
    first: np.ndarray
    last: np.ndarray
    velocity: np.ndarray
    pedal: np.ndarray

    @classmethod
    def of(cls, performance: Performance, num_frames: int, hop_s: float) -> "FrameNotes":
        """Measures a performance; keys outside a piano's 88 are left out."""
        key = performance.pitch.astype(int) - LOWEST_KEY
        on_piano = (key >= 0) & (key < NUM_KEYS)
        first = np.round(performance.onset_s / hop_s).astype(int)
        last = np.round(damped_offsets_s(performance, performance.last_offset_s) / hop_s).astype(int)
        return cls(
            key[on_piano],
            first[on_piano],
            np.maximum(last, first + 1)[on_piano],
            (performance.velocity / np.float32(HIGHEST_VALUE))[on_piano].astype(np.float32),
            depth_at(performance, SUSTAIN, np.arange(num_frames) * hop_s).astype(np.uint8),
        )

    @classmethod
    def silent(cls, num_frames: int) -> "FrameNotes":
        """Nothing is played."""
        none = np.zeros(0, int)
        return cls(none, none, none, np.zeros(0, np.float32), np.zeros(num_frames, np.uint8))

    def rolls(self, start: int, num_frames: int) -> Rolls:
        """Rolls of the frames from ``start`` on."""
        onset = np.zeros((num_frames, NUM_KEYS), bool)
        sounding = np.zeros((num_frames, NUM_KEYS), bool)
        velocity = np.zeros((num_frames, NUM_KEYS), np.float32)
        for note in np.flatnonzero((self.first < start + num_frames) & (self.last > start)):
            key, first = self.key[note], self.first[note] - start
            sounding[max(first, 0) : self.last[note] - start, key] = True
            if first >= 0:
                onset[first, key], velocity[first, key] = True, self.velocity[note]
        pedal = self.pedal[start : start + num_frames, None] >= np.array(PEDAL_DEPTHS)
        return Rolls(onset, sounding, velocity, pedal.astype(np.float32))
