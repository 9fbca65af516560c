"""The same performance with another foot."""

from dataclasses import replace

import numpy as np

from crescendai.midi.damping import DAMPED
from crescendai.midi.notes import Performance


def with_less_pedal(performance: Performance, share: float, rng: np.random.Generator) -> Performance:
    """Leaves each press of the sustain pedal out but for a chance of ``share``; the rest is as it was.

    share: 1 keeps all, 0 none. A press lasts from where dampers leave the strings to where they rest again.
    """
    sustain = performance.pedal_control == 64
    pressed = sustain & (performance.pedal_value > DAMPED)
    down = pressed[sustain]
    press = np.cumsum(down & ~np.append(False, down[:-1]))  # [sustain movement] from 1 on
    kept = np.append(True, rng.random(int(press.max(initial=0))) < share)
    value = performance.pedal_value.copy()
    value[np.flatnonzero(sustain)[down & ~kept[press]]] = 0
    return replace(performance, pedal_value=value)
