"""Cautions follow from what was measured, and from nothing else."""

from pathlib import Path

import pytest

from crescendai.analysis.cautions import SHORT_S, cautions
from crescendai.audio.sound_facts import SoundFacts
from crescendai.datasets.download import locate
from crescendai.datasets.manifest import load_manifest
from crescendai.datasets.percepiano import MIDI_FOLDER
from crescendai.midi.notes import read_midi, sounding_end_s
from crescendai.params import load_params

PARAMS = Path(__file__).parents[2] / "params.yaml"


def codes(duration_s: float = 12.0, sounding: float = 0.9, strokes_per_s: float | None = 4.0, **facts) -> list[str]:
    sound = SoundFacts(**{
        "duration_s": duration_s, "sample_rate_hz": 44100, "channels": 2, "peak_dbfs": -6.0, "loudness_lufs": -23.0,
        "clipped_share": 0.0, **facts,
    })  # fmt: skip
    return [of.code for of in cautions(duration_s, sound, sounding, strokes_per_s)]


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        ({"duration_s": 5.37}, "short"),
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
    (short,) = cautions(5.37, None, 1.0, None)
    assert short.message.startswith("5.3 s are less than") and "(5.4 s)" in short.message


@pytest.mark.mirror
def test_short_is_what_is_shorter_than_every_rated_clip():
    manifest, tail_s = load_manifest("percepiano"), load_params(PARAMS).render.release_tail_s
    find = locate(manifest)
    midi = [find(file.path) for file in manifest.files if file.path.startswith(MIDI_FOLDER)]
    shortest_s = min(sounding_end_s(read_midi(file.read_bytes(), file.name), tail_s) for file in midi)
    assert SHORT_S <= shortest_s < SHORT_S + 0.1
