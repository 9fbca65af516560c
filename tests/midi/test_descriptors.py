"""Performance descriptors: one fixed list of finite numbers that move as the playing does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crescendai.midi.descriptors import describe_performance
from crescendai.midi.notes import Performance
from crescendai.midi.sounding import chord_starts, depth_at, pedalled_offsets_s


def played(notes, pedal=()) -> Performance:
    """notes: (onset, offset, pitch, velocity); pedal: (time, control, depth)."""
    onset, offset, pitch, velocity = np.array(sorted(notes, key=lambda note: (note[0], note[2])), float).T
    time, control, depth = np.array(sorted(pedal), float).reshape(-1, 3).T
    return Performance(
        pitch.astype(np.int16), velocity.astype(np.int16), onset, offset,
        time, control.astype(np.int16), depth.astype(np.int16), float(offset.max()),
    )  # fmt: skip


def scale(interval_s=0.25, held_s=0.2, velocity=64, count=32):
    return [
        (i * interval_s, i * interval_s + held_s, 60 + (0, 2, 4, 5, 7, 9, 11, 12)[i % 8], velocity)
        for i in range(count)
    ]


note = st.tuples(st.floats(0, 20), st.floats(0.001, 5), st.integers(21, 108), st.integers(1, 127)).map(
    lambda n: (n[0], n[0] + n[1], n[2], n[3])
)
movement = st.tuples(st.floats(0, 25), st.sampled_from([64, 66, 67]), st.integers(0, 127))


@given(st.lists(note, min_size=1, max_size=30), st.lists(movement, max_size=12))
@settings(max_examples=60)
def test_names_are_fixed_and_numbers_finite_for_any_performance(notes, pedal):
    described = describe_performance(played(notes, pedal))
    assert list(described) == list(describe_performance(played(scale())))
    assert np.isfinite(list(described.values())).all()


def test_twice_as_fast_reads_twice_as_fast():
    slow, fast = (describe_performance(played(scale(interval_s=i, held_s=0.8 * i))) for i in (0.4, 0.2))
    assert fast["chords_per_s"] == pytest.approx(2 * slow["chords_per_s"], rel=1e-6)
    assert fast["interval_median_s"] == pytest.approx(0.2)
    assert fast["legato_median"] == pytest.approx(slow["legato_median"])


def test_regular_playing_has_the_stronger_pulse():
    rng = np.random.default_rng(0)
    shaky = [(t + d, e + d, p, v) for (t, e, p, v), d in zip(scale(), rng.uniform(0, 0.12, 32), strict=True)]
    steady, unsteady = describe_performance(played(scale())), describe_performance(played(shaky))
    assert steady["pulse_strength"] > unsteady["pulse_strength"] + 0.2
    assert steady["interval_log_spread"] < unsteady["interval_log_spread"]


def test_touch_level_and_arch():
    short, long = (describe_performance(played(scale(held_s=h))) for h in (0.05, 0.3))
    assert short["staccato_share"] == 1 and long["staccato_share"] == 0
    assert long["legato_share"] == 1 and short["legato_share"] == 0
    growing = [(t, e, p, 30 + 2 * i) for i, (t, e, p, _) in enumerate(scale())]
    assert describe_performance(played(growing))["crescendo"] == pytest.approx(62, rel=0.01)


def test_voicing_sees_melody_bass_and_rolled_chords():
    chords = [n for i in range(8) for n in ((i, i + 0.9, 48, 40), (i + 0.02, i + 0.9, 72, 80))]
    described = describe_performance(played(chords))
    assert described["melody_over_bass"] == 40
    assert described["chord_spread_mean_s"] == pytest.approx(0.02)
    assert described["melody_lead_s"] == pytest.approx(-0.02)


def test_pedal_is_measured_by_time_not_by_events():
    pedal = [(1.0, 64, 127), (3.0, 64, 0), (5.0, 64, 60), (6.0, 64, 0), (0.0, 67, 127)]
    described = describe_performance(played(scale(), pedal))
    duration = 31 * 0.25 + 0.2
    assert described["pedal_share"] == pytest.approx(2 / duration, abs=0.01)
    assert described["pedal_partial_share"] == pytest.approx(1 / duration, abs=0.01)
    assert described["pedal_presses_per_s"] == pytest.approx(1 / duration)
    assert described["soft_pedal_share"] == 1
    assert described["pedal_lengthening"] > describe_performance(played(scale()))["pedal_lengthening"] == 0


def test_mode_is_heard():
    minor = [(t, e, p - (p % 12 in (4, 9, 11)), v) for t, e, p, v in scale()]
    assert describe_performance(played(minor))["minor_over_major"] > 0
    assert describe_performance(played(scale()))["minor_over_major"] < 0


def test_notes_ring_until_pedal_up_or_the_next_stroke():
    performance = played(
        [(0, 0.5, 60, 64), (0.2, 0.6, 64, 64), (1.0, 1.2, 60, 64), (4.0, 5.0, 67, 64)],
        [(0.1, 64, 127), (2.0, 64, 0)],
    )
    np.testing.assert_allclose(pedalled_offsets_s(performance, 64), [1.0, 2.0, 2.0, 5.0])
    np.testing.assert_allclose(depth_at(performance, 64, np.array([0.0, 0.1, 3.0])), [0, 127, 0])


def test_chords_are_onsets_within_35_ms():
    assert chord_starts(np.array([0.0, 0.03, 0.06, 0.2, 0.24])).tolist() == [0, 3, 4]
