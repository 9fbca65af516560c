"""Free strings sound along while dampers are off them, and only then."""

import numpy as np
import pytest

from crescendai.audio.resonance import FALL_S, LENGTH_S, free_strings, with_free_strings
from tests.midi.test_notes import performance

RATE_HZ = 22_050
NOTE = [(69, 80, 0.0, 4.0)]


def tone(seconds: float = 4.0, sounding_s: float = 0.5) -> np.ndarray:
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * 440.0 * time_s) * (time_s < sounding_s)).astype(np.float32)


def added(pedal: list[tuple[float, int, int]], audio: np.ndarray) -> np.ndarray:
    return with_free_strings(audio, performance(NOTE, pedal), RATE_HZ) - audio


def level(audio: np.ndarray, start_s: float, stop_s: float) -> float:
    return float(np.sqrt(np.mean(audio[int(start_s * RATE_HZ) : int(stop_s * RATE_HZ)] ** 2)))


def test_without_a_pedal_nothing_changes():
    audio = tone()
    assert with_free_strings(audio, performance(NOTE), RATE_HZ) is audio
    assert with_free_strings(audio, performance(NOTE, [(0.0, 64, 0)]), RATE_HZ) is audio


def test_strings_sound_on_after_the_note_until_dampers_fall():
    along = added([(0.0, 64, 127), (2.0, 64, 0)], tone())
    assert level(along, 0.6, 1.0) > 3 * level(along, 1.9, 2.0) > 0
    assert (along[int((2.0 + FALL_S) * RATE_HZ) + 2 :] == 0).all()


def test_the_deeper_the_pedal_the_more_they_sound():
    levels = [level(added([(0.0, 64, depth)], tone()), 0.0, 2.0) for depth in (10, 40, 70, 100, 127)]
    assert levels[0] == 0 and (np.diff(levels[:4]) > 0).all() and levels[3] == pytest.approx(levels[4])


def test_what_dampers_have_stopped_does_not_come_back():
    along = added([(0.0, 64, 127), (1.0, 64, 0), (2.0, 64, 127)], tone())
    assert level(along, 0.6, 0.9) > 0 and level(along, 2.0, 3.0) == 0


def test_a_press_after_the_stroke_catches_what_still_sounds():
    along = added([(0.3, 64, 127)], tone())
    assert level(along, 0.0, 0.29) == 0 and level(along, 0.6, 1.0) > 0


def test_they_answer_their_own_pitches_most():
    answer = np.abs(np.fft.rfft(free_strings(RATE_HZ)))
    hz = np.fft.rfftfreq(round(LENGTH_S * RATE_HZ), 1 / RATE_HZ)
    at, between = (answer[np.abs(hz - f) < 1.0].max() for f in (440.0, 440.0 * 2 ** (0.5 / 12)))
    assert at > 4 * between
    assert np.linalg.norm(free_strings(RATE_HZ)) == pytest.approx(1.0, abs=1e-5)


def test_more_sound_is_more_answer_in_proportion():
    soft, loud = added([(0.0, 64, 127)], tone()), added([(0.0, 64, 127)], 2 * tone())
    np.testing.assert_allclose(loud, 2 * soft, atol=1e-5)
