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

    onset: np.ndarray  # float32 [t, key] a key is struck: 1, or between two frames to each as much as it is near
    held: np.ndarray  # bool [t, key] the key is down
    sounding: np.ndarray  # bool [t, key] its string rings: key down, or dampers off it since
    velocity: np.ndarray  # float32 [t, key] of the key struck, 0 to 1; 0 where none is
    pedal: np.ndarray  # float32 [t, depth] 1 where the sustain pedal is at that of PEDAL_DEPTHS or deeper


@dataclass(frozen=True)
class FrameNotes:
    """The notes of a performance in frames: a few kilobytes from which any stretch of its rolls is made.

    Strings ring as `crescendai.midi.damping` has it, which is how pianos of `crescendai.audio.render` sound, but for
    those of sfizz.

    key: ``[note]`` 0 to 87. onset: ``[note]`` moment of the stroke, in frames and parts of one. released, still:
    ``[note]`` first frame with the key up, and with the damper on the string. velocity: ``[note]`` 0 to 1.
    pedal: uint8 ``[t]`` depth of the sustain pedal, 0 to 127.
    """

    key: np.ndarray
    onset: np.ndarray
    released: np.ndarray
    still: np.ndarray
    velocity: np.ndarray
    pedal: np.ndarray

    @classmethod
    def of(cls, performance: Performance, num_frames: int, hop_s: float) -> "FrameNotes":
        """Measures a performance; keys outside a piano's 88 are left out."""
        key = performance.pitch.astype(int) - LOWEST_KEY
        on_piano = (key >= 0) & (key < NUM_KEYS)
        onset = (performance.onset_s / hop_s).astype(np.float32)
        shortest = _first_frame(onset) + 1
        released = np.round(performance.offset_s / hop_s).astype(int)
        still = np.round(damped_offsets_s(performance, performance.last_offset_s) / hop_s).astype(int)
        return cls(
            key[on_piano],
            onset[on_piano],
            np.maximum(released, shortest)[on_piano],
            np.maximum(still, shortest)[on_piano],
            (performance.velocity / np.float32(HIGHEST_VALUE))[on_piano].astype(np.float32),
            depth_at(performance, SUSTAIN, np.arange(num_frames) * hop_s).astype(np.uint8),
        )

    @classmethod
    def silent(cls, num_frames: int) -> "FrameNotes":
        """Nothing is played."""
        none = np.zeros(0, int)
        nothing = np.zeros(0, np.float32)
        return cls(none, nothing, none, none, nothing, np.zeros(num_frames, np.uint8))

    def rolls(self, start: int, num_frames: int) -> Rolls:
        """Rolls of the frames from ``start`` on."""
        onset, velocity = np.zeros((2, num_frames, NUM_KEYS), np.float32)
        held, sounding = np.zeros((2, num_frames, NUM_KEYS), bool)
        notes = np.flatnonzero((self.onset < start + num_frames) & (self.still >= start))
        key, moment, begin = self.key[notes], self.onset[notes] - start, _first_frame(self.onset[notes]) - start
        for roll, end in ((held, self.released[notes] - start), (sounding, self.still[notes] - start)):
            for k, first, last in zip(key, np.maximum(begin, 0), np.maximum(end, 0), strict=True):
                roll[first:last, k] = True
        before = np.floor(moment).astype(int)
        frame, share = np.concatenate([before, before + 1]), np.concatenate([before + 1 - moment, moment - before])
        near = np.flatnonzero((frame >= 0) & (frame < num_frames) & (share > 0))
        near = near[np.argsort(share[near], kind="stable")]  # of two strokes of a key in a frame the nearer one counts
        place = frame[near], np.tile(key, 2)[near]
        onset[place] = share[near]
        velocity[place] = np.tile(self.velocity[notes], 2)[near]
        pedal = self.pedal[start : start + num_frames, None] >= np.array(PEDAL_DEPTHS)
        return Rolls(onset, held, sounding, velocity, pedal.astype(np.float32))


def _first_frame(onset: np.ndarray) -> np.ndarray:
    """The frame nearest to a stroke, from which on its key is down."""
    return np.round(onset).astype(int)
