"""A stretch of a performance, as a performance of its own."""

import numpy as np

from crescendai.midi.notes import Performance


def excerpt(performance: Performance, start_s: float, end_s: float) -> Performance:
    """What is struck in ``[start_s, end_s)``, with times from ``start_s``.

    Keys still down at the end go up there. Each pedal begins where it stood at ``start_s``.
    """
    notes = (performance.onset_s >= start_s) & (performance.onset_s < end_s)
    moved = (performance.pedal_time_s >= start_s) & (performance.pedal_time_s < end_s)
    # The last movement of each pedal before the start says how deep it is there.
    earlier = np.flatnonzero(performance.pedal_time_s < start_s)
    standing = [
        earlier[performance.pedal_control[earlier] == control][-1]
        for control in np.unique(performance.pedal_control[earlier])
    ]
    movements = np.concatenate([np.array(standing, dtype=int), np.flatnonzero(moved)])
    return Performance(
        pitch=performance.pitch[notes],
        velocity=performance.velocity[notes],
        onset_s=performance.onset_s[notes] - start_s,
        offset_s=np.minimum(performance.offset_s[notes], end_s) - start_s,
        pedal_time_s=np.maximum(performance.pedal_time_s[movements] - start_s, 0.0),
        pedal_control=performance.pedal_control[movements],
        pedal_value=performance.pedal_value[movements],
        file_end_s=end_s - start_s,
        string_end_s=None
        if performance.string_end_s is None
        else np.minimum(performance.string_end_s[notes], end_s) - start_s,
    )
