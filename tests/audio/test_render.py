"""Rendering: deterministic, at fixed gain, cut where the music ends, on every engine that is here."""

import shutil

import numpy as np
import pytest

from crescendai.audio.instruments import INSTRUMENTS, instrument_named
from crescendai.audio.render import render
from crescendai.datasets.pianos import sound_file
from crescendai.errors import ParamsError
from crescendai.midi.notes import Performance

RATE_HZ = 22_050

needs_fluidsynth = pytest.mark.skipif(not shutil.which("fluidsynth"), reason="FluidSynth is not installed")
ENGINES = [
    "timgm",
    pytest.param("timgm-fluidsynth", marks=needs_fluidsynth),
    pytest.param("splendid-grand", marks=[pytest.mark.mirror, pytest.mark.slow]),
    pytest.param("upright-kw", marks=pytest.mark.mirror),
]


def chord(velocity: int = 70, length_s: float = 1.0, pedal: int | None = None, file_end_s: float = 2.0) -> Performance:
    pitch = np.array([48, 55, 64, 72])
    onset = np.full(4, 0.1)
    down = pedal is not None
    return Performance(
        pitch, np.full(4, velocity), onset, onset + length_s,
        np.array([0.0] if down else []), np.array([64] if down else [], int), np.array([pedal] if down else [], int),
        file_end_s,
    )  # fmt: skip


def play(performance: Performance, name: str) -> np.ndarray:
    if INSTRUMENTS[name].engine == "fluidsynth":
        pytest.importorskip("fluidsynth")
    return render(performance, instrument_named(name), sound_file(name), RATE_HZ, release_tail_s=1.0)


def level_db(audio: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(audio)) + 1e-12))


@pytest.mark.parametrize("name", ENGINES)
def test_the_same_notes_give_the_same_samples(name: str) -> None:
    first, _, again = play(chord(), name), play(chord(100), name), play(chord(), name)
    assert (first == again).all()
    assert first.dtype == np.float32
    assert 0.01 < np.abs(first).max() <= 1.0


@pytest.mark.parametrize("name", ENGINES)
def test_sound_ends_a_tail_after_the_last_key_whatever_the_file_says(name: str) -> None:
    short, long = play(chord(file_end_s=2.0), name), play(chord(file_end_s=22.0, pedal=127), name)
    assert len(short) == len(long) == pytest.approx((0.1 + 1.0 + 1.0) * RATE_HZ, abs=3)


@pytest.mark.parametrize("name", ENGINES)
def test_louder_playing_is_louder_sound(name: str) -> None:
    levels = [level_db(play(chord(velocity), name)) for velocity in (30, 60, 90, 120)]
    assert (np.diff(levels) > 1).all(), levels  # per-clip normalisation would make them equal


@pytest.mark.parametrize("name", ENGINES)
def test_the_pedal_keeps_sounding_what_the_finger_let_go(name: str) -> None:
    after_release = slice(int(0.7 * RATE_HZ), int(1.1 * RATE_HZ))
    dry, wet = play(chord(length_s=0.2), name), play(chord(length_s=0.2, pedal=127), name)
    late = play(chord(length_s=0.2, pedal=15), name)
    assert level_db(wet[after_release]) > level_db(dry[after_release]) + 6
    assert level_db(late[after_release]) == pytest.approx(level_db(dry[after_release]), abs=3)


@pytest.mark.parametrize("name", ["timgm", pytest.param("timgm-fluidsynth", marks=needs_fluidsynth)])
def test_half_a_pedal_keeps_sounding_for_a_while(name: str) -> None:
    halves = play(chord(length_s=0.2, pedal=60), name)
    dry, wet = play(chord(length_s=0.2), name), play(chord(length_s=0.2, pedal=127), name)
    soon, late = slice(int(0.5 * RATE_HZ), int(0.7 * RATE_HZ)), slice(int(1.05 * RATE_HZ), int(1.15 * RATE_HZ))
    assert level_db(halves[soon]) > level_db(dry[soon]) + 6
    assert level_db(halves[late]) < level_db(wet[late]) - 6


def test_two_engines_agree_on_one_soundfont() -> None:
    pytest.importorskip("fluidsynth")
    ours, theirs = play(chord(), "timgm"), play(chord(), "timgm-fluidsynth")
    spectra = [np.abs(np.fft.rfft(audio[: 2 * RATE_HZ])) for audio in (ours, theirs)]
    assert np.corrcoef(*spectra)[0, 1] > 0.8


def test_an_unknown_piano_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(ParamsError, match=r"timgm.*found 'bosendorfer'"):
        instrument_named("bosendorfer")
