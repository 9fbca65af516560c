"""Every trap of the PercePiano files, on a miniature in its layout and on the real corpus."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crescendai.datasets.download import locate
from crescendai.datasets.manifest import Manifest, ManifestFile, load_manifest
from crescendai.datasets.percepiano import (
    LABELS,
    MIDI_FOLDER,
    SINGLE_RATINGS,
    parse_clip_name,
    read_labels,
    read_percepiano,
    read_single_ratings,
)
from crescendai.dimensions import NAMES
from crescendai.errors import DataError
from crescendai.midi.notes import Performance, write_midi

CLIPS = ("Schubert_D935_no.3_4bars_2_1", "Schubert_D960_mv3_8bars_Score_05", "Beethoven_WoO80_thema_8bars_11_1")


def midi_of(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    onset = np.arange(20) * 0.3
    none = np.array([])
    notes = Performance(rng.integers(40, 90, 20), rng.integers(30, 99, 20), onset, onset + 0.2, none, none, none, 7.0)
    return write_midi(notes, 7.0)


@pytest.fixture
def miniature(tmp_path: Path):
    """Three clips in upstream's layout; the first file's name begins with a space, as upstream's does."""
    midi = tmp_path / MIDI_FOLDER
    midi.mkdir(parents=True)
    for seed, clip in enumerate(CLIPS):
        (midi / f"{' ' if seed == 0 else ''}{clip}.mid").write_bytes(midi_of(seed))
    labels = {clip: [*np.round(np.linspace(0.2, 0.9, 19), 3).tolist(), 4] for clip in CLIPS}
    (tmp_path / LABELS).write_text(json.dumps(labels))
    (tmp_path / "labels").mkdir()
    answers = [[str(user), "1", f"{clip}.wav", *map(str, row)] for user, clip, row in (
        ("7", CLIPS[0], [3] * 19), ("8", CLIPS[0], [5] * 18 + [0]), ("9", CLIPS[0], [5] * 18 + [74]),
        ("7", CLIPS[1].replace("_Score_", "_score_"), [1] * 19), ("8", CLIPS[1], [7] * 19),
        ("7", CLIPS[2], [2] * 19), ("8", CLIPS[2], [4] * 19),
    )]  # fmt: skip
    header = ["user", "dataID", "filename", *(f"Question_{n}" for n in range(1, 20)), "Question_9_2_1", "message"]
    pd.DataFrame([[*row, "6", ""] for row in answers], columns=header).to_csv(tmp_path / SINGLE_RATINGS, index=False)
    files = [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    manifest = Manifest(
        "miniature", "https://example.invalid/", ".", "MIT", {},
        tuple(
            ManifestFile(str(f.relative_to(tmp_path)), f.stat().st_size, hashlib.sha256(f.read_bytes()).hexdigest())
            for f in files
        ),
    )  # fmt: skip
    return tmp_path, manifest


def read(miniature) -> tuple[pd.DataFrame, pd.DataFrame]:
    root, manifest = miniature
    return read_percepiano(manifest, lambda path: root / path)


def test_player_stands_before_segment() -> None:
    name = parse_clip_name("Schubert_D960_mv3_8bars_Score2_05")
    assert (name.player, name.segment, name.piece, name.bars) == ("Score2", "05", "Schubert_D960_mv3", "8bars")
    assert name.excerpt == "Schubert_D960_mv3_8bars_05"
    assert parse_clip_name("Beethoven_WoO80_var27_8bars_3_15").movement == "Beethoven_WoO80"


@pytest.mark.parametrize("name", ["", "Schubert", "Schubert_D960_mv3_3_05", "8bars_3_05"])
def test_another_form_of_name_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="expected a name"):
        parse_clip_name(name)


def test_the_miniature_reads_as_three_clips(miniature) -> None:
    clips, ratings = read(miniature)
    assert clips["clip_id"].tolist() == sorted(CLIPS)  # the leading space of a file name is gone
    np.testing.assert_allclose(clips[list(NAMES)].to_numpy(), np.tile(np.round(np.linspace(0.2, 0.9, 19), 3), (3, 1)))
    assert clips["n_raters"].tolist() == [2, 2, 2]
    assert set(ratings["clip_id"]) == set(CLIPS)


def test_no_answer_is_missing_and_impossible_rows_are_dropped(miniature) -> None:
    _, ratings = read(miniature)
    first = ratings[ratings["clip_id"] == CLIPS[0]].set_index("rater")
    assert first.index.tolist() == ["7", "8"]  # rater 9 answered 74
    assert np.isnan(first.loc["8", NAMES[-1]])
    assert first.loc["7", NAMES[0]] == pytest.approx(3 / 7)


def test_lower_case_score_names_the_same_clip(miniature) -> None:
    _, ratings = read(miniature)
    assert len(ratings[ratings["clip_id"] == CLIPS[1]]) == 2


def test_ratings_without_midi_and_midi_without_ratings_are_named(miniature) -> None:
    root, manifest = miniature
    labels = json.loads((root / LABELS).read_text())
    (root / LABELS).write_text(json.dumps({**{c: labels[c] for c in CLIPS[1:]}, "Nobody_1bars_1_1": labels[CLIPS[0]]}))
    with pytest.raises(DataError, match=r"1 ratings without MIDI \['Nobody.*1 MIDI files without ratings \['Schubert"):
        read((root, manifest))


@pytest.mark.parametrize(
    ("row", "says"),
    [([0.5] * 19, "found 19 numbers"), ([0.5] * 18 + [1.2, 3], "above 0 and up to 1"),
     ([0.5] * 18 + [float("nan"), 3], "above 0 and up to 1"), ([0.0] * 19 + [3], "above 0 and up to 1")],
)  # fmt: skip
def test_a_wrong_label_row_is_refused(tmp_path: Path, row: list[float], says: str) -> None:
    (tmp_path / "labels.json").write_text(json.dumps({"clip": row}))
    with pytest.raises(DataError, match=says):
        read_labels(tmp_path / "labels.json")


def test_damaged_labels_and_tables_are_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text('{"clip": [0.5')
    with pytest.raises(DataError, match="damaged file"):
        read_labels(tmp_path / "labels.json")
    (tmp_path / "ratings.csv").write_text("user,filename\n1,a.wav\n")
    with pytest.raises(DataError, match="19 answer columns"):
        read_single_ratings(tmp_path / "ratings.csv")


@pytest.mark.mirror
def test_the_real_corpus() -> None:
    manifest = load_manifest("percepiano")
    clips, ratings = read_percepiano(manifest, locate(manifest))
    assert len(clips) == 1202
    assert len(ratings) == 14934 - 208
    assert ratings.duplicated().sum() == 2200  # the same rater, clip and answers again; labels include them
    assert clips["player"].nunique() == 22
    assert clips.groupby("movement").size().to_dict() == {
        "Beethoven_WoO80": 238, "Schubert_D935_no.3": 117, "Schubert_D960_mv2": 288, "Schubert_D960_mv3": 559
    }  # fmt: skip
    example = clips.set_index("clip_id").loc["Beethoven_WoO80_var27_8bars_3_15", list(NAMES)]
    upstreams_table = [0.3429, 0.3143, 0.7429, 0.4571, 0.4286, 0.3143, 0.3714, 0.6, 0.8, 0.7143, 0.3714, 0.3714,
                       0.4571, 0.5429, 0.5143, 0.7143, 0.7429, 0.4, 0.4]  # fmt: skip
    np.testing.assert_allclose(example.to_numpy(dtype=float), upstreams_table, atol=5e-5)
    means = ratings.groupby("clip_id")[list(NAMES)].mean().loc[clips["clip_id"]]
    np.testing.assert_allclose(means, clips[list(NAMES)], atol=1e-12)  # names as they stand: no Score2 rule
    sixteen = clips.set_index("excerpt")["passage"].to_dict()
    assert sixteen["Schubert_D960_mv2_16bars_01"] == sixteen["Schubert_D960_mv2_8bars_02"]
    assert clips["passage"].nunique() == 47
