"""MAESTRO: the official table, what is left out of it, and how much is drawn."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from crescendai.audio.recording import read_recording
from crescendai.datasets.archive import Archive
from crescendai.datasets.maestro import LONGEST_S, Maestro, draw_excerpts, excluded, find_recordings, open_maestro
from crescendai.errors import DataError
from crescendai.midi.notes import read_midi
from crescendai.params import load_params

PATTERNS = load_params().scale.percepiano.pretraining.exclude_pieces


def table(durations: list[float]) -> pd.DataFrame:
    names = [f"{i}.midi" for i in range(len(durations))]
    return pd.DataFrame({"midi_filename": names, "duration": durations, "year": 2004})


def by_performance(drawn: pd.DataFrame) -> pd.DataFrame:
    """Excerpts put together again where a long one is several rows."""
    return drawn.groupby("midi_filename").agg({"start_s": "min", "end_s": "max", "duration": "first"})


@pytest.mark.parametrize("hours", [0.1, 0.5, 1.0])
def test_excerpts_add_up_and_are_equally_long(hours: float):
    durations = [30.0, 100.0, 900.0, 1500.0, 1800.0]
    stretches = draw_excerpts(table(durations), hours, 20.0, seed=0)
    assert (stretches["end_s"] - stretches["start_s"]).max() <= LONGEST_S + 1e-6
    drawn = by_performance(stretches)
    length = drawn["end_s"] - drawn["start_s"]
    assert length.sum() == pytest.approx(hours * 3600)
    assert (drawn["start_s"] >= 0).all() and (drawn["end_s"] <= drawn["duration"] + 1e-9).all()
    whole = np.isclose(length, drawn["duration"])
    assert np.ptp(length[~whole]) < 1e-6 if (~whole).any() else True
    assert (drawn["duration"][whole] <= length.max() + 1e-6).all()


def test_the_seed_decides_where_excerpts_begin():
    first, again, other = (draw_excerpts(table([900.0] * 5), 0.5, 20.0, seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    assert (first["start_s"] != other["start_s"]).all()


def test_short_performances_are_left_out_and_too_much_is_refused():
    assert len(draw_excerpts(table([5.0, 900.0]), 0.05, 20.0, seed=0)) == 1
    with pytest.raises(DataError, match=r"expected at least 5 hours, found 0\.2; lower the hours"):
        draw_excerpts(table([5.0, 900.0]), 5.0, 20.0, seed=0)


@pytest.mark.parametrize("hours", [0.3, 0.6, 1.2])
def test_few_hours_are_every_year_s_share_and_part_of_more(hours: float):
    years = np.repeat([2004, 2006, 2018], [100, 200, 300])
    rows = table([600.0] * 600).assign(year=years)
    drawn, more = (draw_excerpts(rows, h, 20.0, seed=3) for h in (hours, 2 * hours))
    assert (drawn["end_s"] - drawn["start_s"]).sum() == pytest.approx(hours * 3600)
    expected = len(drawn) * np.array([1, 2, 3]) / 6
    assert (np.abs(drawn["year"].value_counts().sort_index().to_numpy() - expected) <= 1).all()
    assert set(drawn["midi_filename"]) <= set(more["midi_filename"])


def recordings(folder: Path, lengths_s: dict[str, float]) -> Maestro:
    """A small zip in the official layout: 16-bit stereo, a ramp from which one reads the time."""
    with zipfile.ZipFile(folder / "maestro-v3.0.0.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, length_s in lengths_s.items():
            ramp = np.arange(int(length_s * 8000)) / 8000 / 100
            wav = io.BytesIO()
            soundfile.write(wav, np.stack([ramp, ramp], 1), 8000, format="WAV", subtype="PCM_16")
            archive.writestr(f"maestro-v3.0.0/{name}", wav.getvalue())
    return Maestro(table([]), Archive(folder), Archive(folder / "maestro-v3.0.0.zip", "maestro-v3.0.0/"))


def test_only_the_stretch_of_a_zipped_recording_is_decoded(tmp_path: Path):
    maestro = recordings(tmp_path, {"2004/a.wav": 30.0})
    with maestro.recordings.open("2004/a.wav") as stream:
        audio = read_recording(stream, "a", 12.0, 19.0, 4000)
    assert len(audio) == pytest.approx(7 * 4000, abs=2)
    assert audio[1000:-1000] == pytest.approx((12.0 + np.arange(len(audio)) / 4000)[1000:-1000] / 100, abs=1e-3)
    with maestro.recordings.open("2004/a.wav") as stream, pytest.raises(DataError, match=r"2\.0 s too early"):
        read_recording(stream, "a", 12.0, 32.0, 4000)


def test_missing_and_cut_recordings_are_named(tmp_path: Path):
    maestro = recordings(tmp_path, {"2004/a.wav": 3.0})
    drawn = pd.DataFrame({"audio_filename": ["2004/a.wav", "2004/b.wav"], "duration": [3.0, 3.0]})
    assert find_recordings(maestro, drawn, "some").tolist() == [True, False]
    with pytest.raises(DataError, match=r"found 1 missing, e\.g\. 2004/b\.wav"):
        find_recordings(maestro, drawn, "all")
    with pytest.raises(DataError, match=r"2004/a\.wav: expected 9\.0 s"):
        find_recordings(maestro, drawn.assign(duration=9.0), "some")
    with pytest.raises(DataError, match=r"expected 2004/b\.wav in it"):
        maestro.recordings.read("2004/b.wav")


@pytest.mark.parametrize(
    ("title", "out"),
    [
        ("Franz Schubert: Sonata in B-flat Major, D960", True),
        ("Franz Schubert: Impromptu in B-flat Major, D. 935 No. 3", True),
        ("Franz Schubert: Impromptu Op. 142 No. 3", True),
        ("Ludwig van Beethoven: 32 Variations in C Minor, WoO 80", True),
        ("Franz Schubert: Impromptu Op. 90 No. 4 in A-flat Major", False),
        ("Ludwig van Beethoven: Sonata Op. 106 in B-flat Major", False),
    ],
)
def test_what_percepiano_holds_is_left_out(title: str, out: bool):
    composer, name = title.split(": ")
    rows = pd.DataFrame({"canonical_composer": [composer], "canonical_title": [name]})
    assert excluded(rows, PATTERNS).tolist() == [out]


@pytest.mark.mirror
@pytest.mark.slow  # hashes 1,277 files
def test_the_official_table_and_files():
    assert os.environ["CRESCENDAI_MIRROR"]
    rows, midi, _ = open_maestro()
    assert rows["split"].value_counts().to_dict() == {"train": 962, "test": 177, "validation": 137}
    assert rows["duration"].sum() / 3600 == pytest.approx(198.65, abs=0.01)
    performance = read_midi(midi.read(rows["midi_filename"][0]), "first")
    assert performance.last_offset_s == pytest.approx(rows["duration"][0], rel=0.02)
    left_out = rows[excluded(rows, PATTERNS)]
    assert len(left_out) == 92 and set(left_out["canonical_composer"]) <= {"Franz Schubert", "Ludwig van Beethoven"}
