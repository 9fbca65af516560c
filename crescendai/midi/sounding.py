"""Which notes belong together, and what rings when the pedal is down."""

import numpy as np

from crescendai.midi.notes import Performance

CHORD_WINDOW_S = 0.035  # played within this of the note before: one chord; below, ears hear one onset
SHORTEST_S = 0.01  # keeps logarithms and ratios of times finite
PEDAL_DOWN = 64  # depth from which dampers are off, as synthesizers take it


def chord_starts(onset_s: np.ndarray) -> np.ndarray:
    """Index of the first note of every chord. ``onset_s``: ``[note]``, ascending."""
    return np.flatnonzero(np.diff(onset_s, prepend=-np.inf) > CHORD_WINDOW_S)


def depth_at(performance: Performance, control: int, time_s: np.ndarray) -> np.ndarray:
    """Depth 0-127 of a pedal at each time: that of the last movement, 0 before the first."""
    chosen = performance.pedal_control == control
    depth = np.append(0.0, performance.pedal_value[chosen])
    return depth[np.searchsorted(performance.pedal_time_s[chosen], time_s, side="right")]


def pedalled_offsets_s(performance: Performance, pedal_down: int) -> np.ndarray:
    """When each note's damper falls: ``[note]`` seconds.

    That is the key's release or, with the sustain pedal at ``pedal_down`` or deeper then, the
    pedal's; but not after the same key's next stroke nor after the last key of all is up. Where it was heard
    (``performance.string_end_s``), it is just that.
    """
    if performance.string_end_s is not None:
        return performance.string_end_s
    time_s, depth = performance.sustain()
    down = np.append(False, depth >= pedal_down)
    release_s = np.append(time_s[down[:-1] & ~down[1:]], np.inf)
    under_pedal = down[np.searchsorted(time_s, performance.offset_s, side="right")]
    offset_s = performance.offset_s.copy()
    offset_s[under_pedal] = release_s[np.searchsorted(release_s, offset_s[under_pedal], side="right")]
    next_stroke_s = next_strokes_s(performance, performance.last_offset_s)
    return np.maximum(np.minimum(offset_s, next_stroke_s), np.minimum(performance.offset_s, next_stroke_s))


def next_strokes_s(performance: Performance, end_s: float) -> np.ndarray:
    """When each note's key is struck again: ``[note]`` seconds, ``end_s`` where it is not."""
    next_s = np.full(performance.num_notes, end_s)
    for pitch in np.unique(performance.pitch):
        same_key = np.flatnonzero(performance.pitch == pitch)
        next_s[same_key[:-1]] = performance.onset_s[same_key[1:]]
    return next_s


def sounding_count(onset_s: np.ndarray, offset_s: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """How many notes sound at each time."""
    begun = np.searchsorted(np.sort(onset_s), time_s, side="right")
    return begun - np.searchsorted(np.sort(offset_s), time_s, side="right")


def top_of_chords(pitch: np.ndarray, chords: np.ndarray) -> np.ndarray:
    """Index of the highest note of every chord."""
    chord_of_note = np.repeat(np.arange(len(chords)), np.diff(np.append(chords, len(pitch))))
    order = np.lexsort((pitch, chord_of_note))
    return order[np.append(chords[1:], len(pitch)) - 1]
