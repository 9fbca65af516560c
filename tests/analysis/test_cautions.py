"""Cautions follow from what was measured, and from nothing else."""

import pytest

from crescendai.analysis.cautions import cautions
from crescendai.audio.sound_facts import SoundFacts


def codes(duration_s: float = 12.0, sounding: float = 0.9, strokes_per_s: float | None = 4.0, **facts) -> list[str]:
    sound = SoundFacts(**{
        "duration_s": duration_s, "sample_rate_hz": 44100, "channels": 2, "peak_dbfs": -6.0, "loudness_lufs": -23.0,
        "clipped_share": 0.0, **facts,
    })  # fmt: skip
    return [of.code for of in cautions(duration_s, sound, sounding, strokes_per_s)]


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        ({"duration_s": 3.97}, "short"),
        ({"clipped_share": 0.001}, "clipping"),
        ({"loudness_lufs": -50.0}, "level"),
        ({"loudness_lufs": -5.0}, "level"),
        ({"loudness_lufs": None}, "level"),  # below the gate: the softest of all
        ({"sounding": 0.5}, "silence"),
        ({"strokes_per_s": 0.1}, "little_piano"),
    ],
)
def test_each_has_its_own_reason(measured: dict, code: str):
    assert codes(**measured) == [code]


def test_an_ordinary_recording_has_none_and_what_is_not_known_is_no_reason():
    assert codes() == [] and codes(strokes_per_s=None) == []
    assert cautions(12.0, None, 0.9, None) == ()


def test_a_length_is_not_rounded_up_to_the_one_it_falls_short_of():
    (short,) = cautions(3.97, None, 1.0, None)
    assert short.message.startswith("3.9 s are less than")
