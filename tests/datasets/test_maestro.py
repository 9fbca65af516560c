"""MAESTRO: the official table, what is left out of it, and how much is drawn."""

import os

import numpy as np
import pandas as pd
import pytest

from crescendai.datasets.maestro import draw_excerpts, excluded, open_maestro
from crescendai.errors import DataError
from crescendai.midi.notes import read_midi
from crescendai.params import load_params

PATTERNS = load_params().scale.percepiano.pretraining.exclude_pieces


def table(durations: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"midi_filename": [f"{i}.midi" for i in range(len(durations))], "duration": durations})


@pytest.mark.parametrize("hours", [0.1, 0.5, 1.0])
def test_excerpts_add_up_and_are_equally_long(hours: float):
    durations = [30.0, 100.0, 900.0, 1500.0, 1800.0]
    drawn = draw_excerpts(table(durations), hours, 20.0, seed=0)
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
    assert len(draw_excerpts(table([5.0, 900.0]), 0.1, 20.0, seed=0)) == 1
    with pytest.raises(DataError, match=r"expected at least 5 hours, found 0\.2; lower the hours"):
        draw_excerpts(table([5.0, 900.0]), 5.0, 20.0, seed=0)


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
    rows, read = open_maestro()
    assert rows["split"].value_counts().to_dict() == {"train": 962, "test": 177, "validation": 137}
    assert rows["duration"].sum() / 3600 == pytest.approx(198.65, abs=0.01)
    performance = read_midi(read(rows["midi_filename"][0]), "first")
    assert performance.last_offset_s == pytest.approx(rows["duration"][0], rel=0.02)
    left_out = rows[excluded(rows, PATTERNS)]
    assert len(left_out) == 92 and set(left_out["canonical_composer"]) <= {"Franz Schubert", "Ludwig van Beethoven"}
