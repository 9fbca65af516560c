"""The demo's model of playing: every parameter can be read off the MIDI file again."""

import numpy as np
import pytest

from crescendai.datasets.demo.notation import MELODY, Score, read_score
from crescendai.datasets.demo.playing import (
    PARAMETER_NAMES,
    PARAMETERS,
    VELOCITY_RANGE,
    WIDEST,
    beat_times_s,
    choose_parameters,
    draw_style,
    perform,
)
from crescendai.datasets.demo.score import CHORALE, PIECES
from crescendai.midi.notes import Performance, read_midi, sounding_end_s, write_midi

SCORE = read_score(CHORALE, CHORALE.passages[0])
USUAL = {parameter.name: parameter.centre for parameter in PARAMETERS}
# The written notes and no more, so that what one parameter adds is seen alone.
PLAIN = USUAL | dict.fromkeys(
    ["rubato", "jitter_ms", "melody_lead_ms", "velocity_range", "voicing", "pedal_overlap_ms"], 0.0
)


def play(how: dict[str, float], seed: int = 0) -> Performance:
    """Plays the chorale, and reads it back from MIDI."""
    performance = perform(SCORE, CHORALE.quarters_per_minute, how, np.random.default_rng(seed))
    return read_midi(write_midi(performance, sounding_end_s(performance, 1.0)), "chorale")


def in_score_order(performance: Performance, score: Score) -> np.ndarray:
    """Index of each written note in the performance: the nth note of each pitch is the nth played."""
    index = np.empty(len(score.pitch), dtype=int)
    index[np.lexsort((score.onset, score.pitch))] = np.lexsort((performance.onset_s, performance.pitch))
    return index


def read_off(name: str, performance: Performance) -> float:
    """A parameter of playing, in its unit, from the notes, the pedal and the score."""
    order = in_score_order(performance, SCORE)
    onset_s, offset_s = performance.onset_s[order], performance.offset_s[order]
    velocity, melody = performance.velocity[order].astype(float), SCORE.voice == MELODY
    beat_s = 60 / CHORALE.quarters_per_minute
    x = 2 * SCORE.onset / SCORE.length - 1
    sustain_s, depth = performance.sustain()
    down = depth >= 64
    match name:
        case "tempo_ratio":
            return np.ptp(SCORE.onset) * beat_s / np.ptp(onset_s)
        case "rubato":  # first beat against the middle one: 1 + r (x² - 1/3) each, x² averaged over the beat
            first, middle = (np.median(onset_s[SCORE.onset == b + 1]) - np.median(onset_s[SCORE.onset == b])
                             for b in (0, 3))
            first_x2, middle_x2 = (1 + 0.75**2 + 0.75) / 3, 0.25**2 / 3
            return (first - middle) / (middle * (first_x2 - 1 / 3) - first * (middle_x2 - 1 / 3))
        case "jitter_ms":
            return 1000 * (onset_s - SCORE.onset * beat_s)[~melody].std()
        case "melody_lead_ms":
            return 1000 * ((onset_s - SCORE.onset * beat_s)[~melody].mean()
                           - (onset_s - SCORE.onset * beat_s)[melody].mean())
        case "key_hold":
            return np.median((offset_s - onset_s) / (SCORE.duration * beat_s))
        case "velocity_level":
            return velocity.mean()
        case "velocity_range":
            return -np.polyfit(x[~melody] ** 2, velocity[~melody], 1)[0]
        case "voicing":
            return velocity[melody].mean() - velocity[~melody].mean()
        case "pedal_fraction":
            return np.diff(sustain_s)[down[:-1]].sum() / (SCORE.length * beat_s)
        case "pedal_overlap_ms":
            lifts = sustain_s[1:][down[:-1] & ~down[1:]]
            return 1000 * (lifts[0] - onset_s[SCORE.onset == SCORE.harmony_onset[1]].mean())


TOLERANCE = {
    "tempo_ratio": 0.01, "rubato": 0.02, "jitter_ms": 3, "melody_lead_ms": 1, "key_hold": 0.02,
    "velocity_level": 0.5, "velocity_range": 5, "voicing": 1, "pedal_fraction": 0.03, "pedal_overlap_ms": 5,
}


@pytest.mark.parametrize("name", PARAMETER_NAMES)
def test_each_parameter_can_be_read_off_the_midi_file(name):
    parameter = PARAMETERS[PARAMETER_NAMES.index(name)]
    asked = parameter.centre + parameter.spread * np.linspace(-1.8, 1.0, 6)
    heard = np.array([
        np.mean([read_off(name, play(PLAIN | {name: value}, seed)) for seed in range(20)]) for value in asked
    ])
    np.testing.assert_allclose(heard, asked, atol=TOLERANCE[name])
    assert np.all(np.diff(heard) > 0)


def test_the_phrase_is_as_long_with_rubato_as_without():
    ends = np.array([0.0, 8.0])
    np.testing.assert_allclose(beat_times_s(ends, 8.0, 90, 0.6), beat_times_s(ends, 8.0, 90, 0.0))


def test_rubato_never_turns_back():
    beats = np.linspace(0, 8, 200)
    highest = USUAL["rubato"] + WIDEST * PARAMETERS[1].spread
    assert np.all(np.diff(beat_times_s(beats, 8.0, 90, highest)) > 0)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.name)
def test_even_the_most_extreme_playing_is_playable(piece, sign):
    how = {parameter.name: parameter.centre + sign * WIDEST * parameter.spread for parameter in PARAMETERS}
    for passage in piece.passages:
        score = read_score(piece, passage)
        played = perform(score, piece.quarters_per_minute, how, np.random.default_rng(1))
        assert played.num_notes == len(score.pitch)
        assert played.onset_s.min() >= 0 and played.pedal_time_s.min() >= 0
        assert np.all(played.offset_s - played.onset_s >= 0.02)
        assert np.all(np.diff(played.onset_s) >= 0) and np.all(np.diff(played.pedal_time_s) >= 0)
        assert VELOCITY_RANGE[0] <= played.velocity.min() and played.velocity.max() <= VELOCITY_RANGE[1]
        for pitch in np.unique(played.pitch):  # a key goes up before it is struck again
            same = played.pitch == pitch
            assert np.all(played.offset_s[same][:-1] < played.onset_s[same][1:])


def test_styles_have_unit_variance_and_belong_together():
    rng = np.random.default_rng(0)
    styles = np.array([draw_style(rng) for _ in range(4000)])
    np.testing.assert_allclose(styles.std(axis=0), 1.0, atol=0.05)
    control = np.corrcoef(styles.T)[PARAMETER_NAMES.index("jitter_ms"), PARAMETER_NAMES.index("voicing")]
    assert control == pytest.approx(-0.8 * 0.7, abs=0.05)


def test_a_piece_has_its_character_and_no_parameter_runs_away():
    zero = np.zeros(len(PARAMETERS))
    assert choose_parameters({}, zero, zero) == USUAL
    assert choose_parameters({"key_hold": 0.5}, zero, zero)["key_hold"] > USUAL["key_hold"]
    wild = choose_parameters({"key_hold": 9.0}, zero, zero)["key_hold"]
    assert wild == pytest.approx(USUAL["key_hold"] + WIDEST * 0.19)
