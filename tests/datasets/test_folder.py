"""A folder of recordings is read as it is, or refused with everything that is wrong with it, line by line."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crescendai.datasets.folder import read_folder
from crescendai.datasets.folder_table import read_rating_table
from crescendai.dimensions import DIMENSIONS
from crescendai.errors import DataError
from crescendai.midi.notes import Performance, write_midi
from tests.datasets.small_folder import PIECES, PLAYERS, RATERS, write_folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    write_folder(folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "recordings"))


def read(folder: Path, protocols: tuple[str, ...] = ("passage", "performer", "movement"), n_folds: int = 3):
    return read_folder(folder, "ratings.csv", [1.0, 7.0], protocols, n_folds)


def change(folder: Path, row: int, column: str, value: str) -> None:
    """One cell; row 0 is the line of names."""
    with (folder / "ratings.csv").open(newline="") as stream:
        rows = list(csv.reader(stream))
    rows[row][rows[0].index(column)] = value
    with (folder / "ratings.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)


def problems(folder: Path, **options: object) -> list[str]:
    with pytest.raises(DataError) as caught:
        read(folder, **options)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_a_folder_comes_back_as_it_was_written(folder: Path) -> None:
    clips, ratings, targets = read(folder)
    assert targets.names == ("pedal_amount", "timbre_loudness", "music_pace")  # in the usual order, both spellings
    assert len(clips) == PIECES * PLAYERS and len(ratings) == len(clips) * RATERS
    assert (clips["n_raters"] == RATERS).all() and clips["midi"].isna().all()
    with (folder / "ratings.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for _, clip in clips.iterrows():
        own = [row for row in rows if row["file"] == clip["clip_id"]]
        assert clip["audio"] == (folder / clip["clip_id"]).read_bytes()
        assert {clip["piece"]} == {clip["movement"]} == {clip["passage"]} == {row["piece"] for row in own}
        assert {clip["player"]} == {row["player"] for row in own}
        expected = np.mean([(float(row["timbre_loudness"]) - 1) / 6 for row in own])
        assert clip["timbre_loudness"] == pytest.approx(expected)
        given = [(float(row["pedal_amount"]) - 1) / 6 for row in own if row["pedal_amount"]]
        assert clip["pedal_amount"] == pytest.approx(np.mean(given) if given else np.nan, nan_ok=True)


def test_all_problems_are_named_at_once_with_their_lines(folder: Path) -> None:
    change(folder, 0, "pedal_amount", "pedal_amont")
    change(folder, 1, "timbre_loudness", "8")
    change(folder, 2, "timbre_loudness", "loud")
    change(folder, 3, "timbre_loudness", "nan")
    change(folder, 4, "piece", "another")
    change(folder, 6, "rater", "rater0")  # as line 6
    change(folder, 7, "timbre_loudness", "")
    change(folder, 7, "Music_Making_Fast_paced_Slow_paced", "")
    change(folder, 9, "file", "../secret.wav")
    change(folder, 10, "file", "notes.txt")
    change(folder, 11, "file", "piece1/nobody.flac")
    change(folder, 12, "file", "")
    (folder / "piece2/player0.wav").write_bytes(b"RIFF no sound at all")
    soundfile.write(folder / "piece2/player1.wav", np.zeros(22050), 22050)
    soundfile.write(folder / "piece2/player2.wav", np.ones(100), 22050)
    (folder / "extra.mid").write_bytes(b"")
    with (folder / "ratings.csv").open("a") as stream:
        stream.write("one cell\n")
    found = "\n".join(problems(folder))
    for expected in (
        "line 1: unknown column 'pedal_amont'; did you mean pedal_amount?",
        "line 2: column timbre_loudness: expected nothing or a number from 1 to 7",
        "line 3: column timbre_loudness", "found 'loud'", "line 4: column timbre_loudness", "found 'nan'",
        "piece0/player1.wav: expected one piece, found 'piece 0' (line 4) and 'another' (line 5)",
        "lines 6, 7: expected one row of piece0/player2.wav by rater0, found 2",
        "line 8: expected a rating at least, found none",
        "line 10: expected a path inside the folder", "line 11: expected .wav, .flac",
        "line 12: expected piece1/nobody.flac in",
        "line 13: column file: expected a name, found an empty cell",
        "piece2/player0.wav: expected audio", "piece2/player1.wav: expected sound, found silence",
        "piece2/player2.wav: expected at least 0.5 s", "extra.mid: expected ratings of every file, found none",
        "expected 7 cells, found 1",
    ):  # fmt: skip
        assert expected in found, f"{expected!r} not in\n{found}"


def test_too_few_groups_and_missing_groupings_are_problems(folder: Path) -> None:
    found = problems(folder, protocols=("performer", "movement"), n_folds=4)
    assert found == [
        "protocol performer: expected files in at least 4 groups (player), found 3; add some, or lower folds.n_folds"
    ]
    for row in range(PLAYERS * RATERS + 1, PIECES * PLAYERS * RATERS + 1):  # all but the first piece
        change(folder, row, "pedal_amount", "")
    assert problems(folder, protocols=("passage",)) == [
        "protocol passage: expected files rated in pedal_amount in at least 3 groups (piece or player), found 1; "
        "add some, or lower folds.n_folds"
    ]
    rows = [line.split(",") for line in (folder / "ratings.csv").read_text().splitlines()]
    (folder / "ratings.csv").write_text("\n".join(",".join(row[:3] + row[4:6]) for row in rows))
    assert problems(folder) == [
        "protocol performer: expected a column player, found none; add it, or leave performer out of "
        "scale.folder.protocols"
    ]


def test_nothing_to_tell_apart_is_a_problem(folder: Path) -> None:
    for row in range(1, PIECES * PLAYERS * RATERS + 1):
        change(folder, row, "timbre_loudness", "4")
    assert problems(folder) == [
        "column timbre_loudness: expected ratings that differ between files, found all 0.5; leave it out"
    ]


def test_every_dimension_is_known_by_both_its_names(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    for names in ([d.name for d in DIMENSIONS], [d.percepiano_key for d in DIMENSIONS]):
        path.write_text(",".join(["file", *names]) + "\n" + ",".join(["a.wav", *["0.5"] * 19]) + "\n")
        table, found = read_rating_table(path, (0.0, 1.0))
        assert not found and list(table.rows)[3:] == [d.name for d in DIMENSIONS]
        assert (table.rows.iloc[0, 3:] == 0.5).all()
    path.write_text("file,pedal_amount,Pedal_Sparse/dry_Saturated/wet\na.wav,0,0\n")
    assert "is there twice" in read_rating_table(path, (0.0, 1.0))[1][0]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00f", b'file,"pedal_amount\n'])
def test_a_table_that_is_none_is_one_problem(folder: Path, content: bytes) -> None:
    (folder / "ratings.csv").write_bytes(content)
    assert sum("expected CSV" in line or "an empty file" in line for line in problems(folder)) == 1


def test_midi_files_need_notes_and_no_grouping_is_each_file_by_itself(tmp_path: Path) -> None:
    nothing, level = np.zeros(0), np.array([0.2, 0.4, 0.5, 0.9])
    onset = 0.3 * np.arange(9.0)
    for index, value in enumerate(level):
        pitch, velocity = np.full(9, 60 + index, np.int16), np.full(9, int(90 * value), np.int16)
        played = Performance(pitch, velocity, onset, onset + 0.2, nothing, nothing.astype(np.int16), nothing, 4.0)
        (tmp_path / f"{index}.MID").write_bytes(write_midi(played, 4.0))
    lines = [f"{index}.MID,{value}" for index, value in enumerate(level)]
    (tmp_path / "ratings.csv").write_text("\n".join(["file,timbre_loudness", *lines]))
    clips, ratings, _ = read_folder(tmp_path, "ratings.csv", [0.0, 1.0], ["passage"], 4)
    assert clips["audio"].isna().all() and clips["passage"].nunique() == 4 and set(ratings["rater"]) == {"all"}
    (tmp_path / "0.MID").write_bytes(b"MThd")
    with pytest.raises(DataError, match="one problem"):
        read_folder(tmp_path, "ratings.csv", [0.0, 1.0], ["passage"], 4)
