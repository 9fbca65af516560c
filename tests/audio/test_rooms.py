"""Rooms: echoes, band and noise of a recording, the same for every clip and without a shift in time."""

from dataclasses import replace

import numpy as np
import pytest

from crescendai.audio.instruments import INSTRUMENTS, instrument_named
from crescendai.audio.rooms import ROOMS, heard_in, impulse_response
from crescendai.datasets.pianos import sound_file
from crescendai.errors import ParamsError

RATE_HZ = 22_050
SILENT = -300.0  # dB


def noise(seconds: float = 2.0) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.1, round(seconds * RATE_HZ)).astype(np.float32)


@pytest.mark.parametrize("name", ROOMS)
def test_echoes_die_away_in_the_rooms_own_time(name: str) -> None:
    response = impulse_response(ROOMS[name], RATE_HZ)
    # Schroeder's backward integration; the slope from -5 to -25 dB, as ISO 3382 measures T20.
    decay_db = 10 * np.log10(np.cumsum(np.square(response)[::-1])[::-1] / np.square(response).sum())
    five, twenty_five = (int(np.argmax(decay_db < level)) for level in (-5, -25))
    t20_s = 3 * (twenty_five - five) / RATE_HZ
    assert 0.6 < t20_s / ROOMS[name].reverberation_s < 1.6


@pytest.mark.parametrize("name", ROOMS)
def test_a_click_comes_when_it_came_before(name: str) -> None:
    quiet = replace(ROOMS[name], noise_db=SILENT)
    click = np.zeros(RATE_HZ, np.float32)
    click[5000] = 0.5
    heard = np.abs(heard_in(quiet, click, RATE_HZ))
    assert len(heard) == len(click) and heard.dtype == np.float32
    assert heard[:4990].max() < 1e-3 * heard.max()
    assert 5000 <= heard.argmax() <= 5000 + 0.005 * RATE_HZ


@pytest.mark.parametrize("name", ROOMS)
def test_steady_sound_keeps_its_level_but_for_the_rooms_gain(name: str) -> None:
    room = replace(ROOMS[name], noise_db=SILENT, band_hz=(20.0, 20_000.0))
    sound = noise(6.0)
    before, after = (np.mean(np.square(audio[3 * RATE_HZ :])) for audio in (sound, heard_in(room, sound, RATE_HZ)))
    assert 10 * np.log10(after / before) == pytest.approx(room.gain_db, abs=1.0)


def test_twice_as_loud_stays_twice_as_loud() -> None:
    room = replace(ROOMS["hall"], noise_db=SILENT)
    soft, loud = heard_in(room, noise(), RATE_HZ), heard_in(room, 2 * noise(), RATE_HZ)
    np.testing.assert_allclose(loud, 2 * soft, atol=1e-6)


def test_a_phone_hears_no_deep_notes_and_noise_where_there_is_silence() -> None:
    deep = (0.3 * np.sin(2 * np.pi * 55.0 * np.arange(2 * RATE_HZ) / RATE_HZ)).astype(np.float32)
    phone, studio = (replace(ROOMS[name], noise_db=SILENT) for name in ("phone", "studio"))
    assert np.std(heard_in(phone, deep, RATE_HZ)) < 0.5 * np.std(heard_in(studio, deep, RATE_HZ))
    floor = heard_in(ROOMS["phone"], np.zeros(RATE_HZ, np.float32), RATE_HZ)
    level_db = 10 * np.log10(np.mean(np.square(floor)) / 0.5)  # a full-scale sine is 0 dB
    assert level_db == pytest.approx(ROOMS["phone"].noise_db + ROOMS["phone"].gain_db, abs=0.3)


def test_a_piano_in_a_room_has_the_pianos_sounds() -> None:
    there = instrument_named("timgm+hall")
    assert (there.name, there.room, there.gain) == ("timgm+hall", ROOMS["hall"], INSTRUMENTS["timgm"].gain)
    assert sound_file("timgm+hall") == sound_file("timgm")
    with pytest.raises(ParamsError, match=r"studio.*found 'garage'"):
        instrument_named("timgm+garage")
