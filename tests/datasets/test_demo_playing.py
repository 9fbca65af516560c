"""The demo's model of playing: every parameter can be found again in the MIDI file."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from crescendai.datasets.demo_notation import BASS, MELODY, read_score
from crescendai.datasets.demo_playing import (
    LEAD_IN_S,
    PARAMETER_NAMES,
    PARAMETERS,
    WIDEST,
    beat_times_s,
    choose_parameters,
    draw_style,
    perform,
)
from crescendai.datasets.demo_score import CHORALE, PIECES, WALTZ
from crescendai.midi.notes import Performance, read_midi, sounding_end_s, write_midi

USUAL = {parameter.name: parameter.centre for parameter in PARAMETERS}
# Nothing but the written notes: what one parameter adds to it is seen alone.
PLAIN = USUAL | {"tempo_ratio": 1.0, "rubato": 0.0, "jitter_ms": 0.0, "melody_lead_ms": 0.0}
PLAIN |= {"velocity_range": 0.0, "voicing": 0.0, "pedal_overlap_ms": 0.0}


def play(piece, seed=0, **how) -> Performance:
    """Plays the first passage and reads it back from MIDI."""
    performance = perform(
        read_score(piece, piece.passages[0]), piece.quarters_per_minute, PLAIN | how, np.random.default_rng(seed)
    )
    return read_midi(write_midi(performance, sounding_end_s(performance, 1.0)), piece.name)


def onset_spread_s(performance, piece):
    score = read_score(piece, piece.passages[0])
    written = np.unique(score.onset) * 60 / piece.quarters_per_minute
    played = np.unique(np.round(performance.onset_s, 2))
    return played, written


def down_fraction(performance):
    time, value = performance.sustain()
    end = performance.last_offset_s
    edges = np.append(np.minimum(time, end), end)
    return (np.diff(edges) * (value >= 64)).sum() / (end - performance.onset_s[0])


def extremes(name):
    parameter = PARAMETERS[PARAMETER_NAMES.index(name)]
    return parameter.centre - WIDEST * parameter.spread, parameter.centre + WIDEST * parameter.spread


def measure(name, performance, piece):
    """A reading of one parameter from the notes and pedals alone (and the score, as a listener has)."""
    score = read_score(piece, piece.passages[0])
    written_s = score.onset * 60 / piece.quarters_per_minute
    match name:
        case "tempo_ratio":
            return 1 / (performance.onset_s.max() - performance.onset_s.min())
        case "velocity_level":
            return performance.velocity.mean()
        case "velocity_range" | "voicing":
            return performance.velocity.std()
        case "key_hold":
            return (performance.offset_s - performance.onset_s).mean()
        case "pedal_fraction":
            return down_fraction(performance)
        case "pedal_overlap_ms":
            time, value = performance.sustain()
            lifted = time[:-1][(value[:-1] >= 64) & (value[1:] < 64)] if len(time) else time
            return (lifted[:-1]).mean() if len(lifted) else 0.0
        case _:
            return np.abs(np.sort(performance.onset_s) - performance.onset_s[0] - written_s).mean()


@pytest.mark.parametrize("name", PARAMETER_NAMES)
def test_each_parameter_is_heard_and_in_the_right_direction(name):
    values = np.linspace(*extremes(name), 7)
    read = [measure(name, play(CHORALE, **{name: value}), CHORALE) for value in values]
    assert spearmanr(values, read).statistic > 0.9
