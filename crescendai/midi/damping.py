"""What a sustain pedal does between up and down: dampers that touch the strings and do not stop them at once.

Synthesizers that play SoundFonts know a pedal as up or down. A foot does not: three in four pedal movements of MAESTRO
end between `DAMPED` and `FREE`. Here a string rings on after its key went up for as long as the dampers let it, and the
keys are held for that time instead: any synthesizer then plays half a pedal, and knows of none.
"""

from dataclasses import replace

import numpy as np

from crescendai.midi.notes import Performance
from crescendai.midi.sounding import next_strokes_s

DAMPED, FREE = 20, 100  # depths up to which dampers rest on the strings, and from which they are off them
LIGHTEST_S, HEAVIEST_S = 5.0, 0.05  # how long a string rings under dampers that hardly touch it, and that nearly rest
AT_ONCE_S = 1e-4  # under dampers that rest


def openness(depth: np.ndarray) -> np.ndarray:
    """How far the dampers are off the strings at a depth of 0-127: 0 where they rest, 1 where strings are free."""
    return np.clip((np.asarray(depth, float) - DAMPED) / (FREE - DAMPED), 0.0, 1.0)


def damped_offsets_s(performance: Performance, end_s: float) -> np.ndarray:
    """When each note's string is still: ``[note]`` seconds, by ``end_s`` at the latest.

    Dampers that are ``o`` open (see `openness`) leave a string ``HEAVIEST_S (LIGHTEST_S / HEAVIEST_S)^o`` seconds;
    where the foot moves meanwhile, the shares of those times that have gone by add up, and at 1 the string is still.
    Dampers that rest take `AT_ONCE_S`: a lift shorter than that damps in part. The same key's next stroke ends a note
    as well. The law is ours, chosen by ear and not measured on a piano.
    """
    time_s, depth = performance.sustain()
    start_s, open_ = np.append(0.0, time_s), openness(np.append(0, depth))  # of stretches between two movements
    ring_s = np.where(open_ > 0, HEAVIEST_S * (LIGHTEST_S / HEAVIEST_S) ** open_, AT_ONCE_S)
    rate = np.where(open_ < 1, 1.0 / ring_s, 0.0)  # share of a string's time that goes by in a second
    gone = np.append(0.0, np.cumsum(rate[:-1] * np.diff(start_s)))  # by where each stretch starts
    released = np.searchsorted(time_s, performance.offset_s, side="right")
    still = gone[released] + rate[released] * (performance.offset_s - start_s[released]) + 1.0
    reached = np.searchsorted(gone, still) - 1  # the stretch in which so much has gone by
    with np.errstate(divide="ignore"):  # under a pedal that stays down, never
        still_s = start_s[reached] + (still - gone[reached]) / rate[reached]
    next_s = next_strokes_s(performance, end_s)
    return np.maximum(np.minimum(still_s, next_s), np.minimum(performance.offset_s, next_s))


def held_by_fingers(performance: Performance, end_s: float) -> Performance:
    """The same strings ringing as long, for a piano without a sustain pedal; the other pedals stay."""
    others = performance.pedal_control != 64
    return replace(
        performance,
        offset_s=damped_offsets_s(performance, end_s),
        string_end_s=None,
        pedal_time_s=performance.pedal_time_s[others],
        pedal_control=performance.pedal_control[others],
        pedal_value=performance.pedal_value[others],
    )
