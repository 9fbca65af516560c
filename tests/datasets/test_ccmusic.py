"""The loader of CCMusic pianos against files in its schema, written by the test."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from crescendai.audio.logmel import log_mel_spectrogram
from crescendai.datasets import ccmusic
from crescendai.datasets.ccmusic import HIGHEST_SCORE, SCORES, find_parquet_files, read_ccmusic
from crescendai.errors import DataError
from tests.datasets.small_ccmusic import CLIPS, PIANOS, write_ccmusic


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ccmusic")
    write_ccmusic(folder)
    return folder


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRESCENDAI_MIRROR", raising=False)


def test_what_was_written_comes_back(made: Path) -> None:
    clips, ratings, targets, published = read_ccmusic(find_parquet_files(made), 22050)
    assert len(clips) == len(PIANOS) * sum(CLIPS.values()) == len(ratings)
    assert targets.rated_names == tuple(SCORES)
    assert targets.classes == {"piano": tuple(f"piano_{piano}" for piano in PIANOS)}
    for piano, own in clips.groupby("player"):
        assert (own[f"piano_{piano}"] == 1).all()
        np.testing.assert_allclose(own[list(SCORES)] * HIGHEST_SCORE, [PIANOS[piano]] * len(own), rtol=1e-6)
    assert (clips[list(targets.classes["piano"])].sum(axis=1) == 1).all()
    tested = clips.loc[clips["clip_id"].isin(published["fold_0"])]
    assert (tested.groupby("player").size() == CLIPS["test"]).all() and tested["clip_id"].str.contains("_test_").all()
    assert len(published["train"]) == len(clips) - len(tested) and set(published) == {"fold_0", "train"}
    assert soundfile.read(io.BytesIO(clips["audio"][0]))[1] == 44100


def test_a_picture_sounds_like_what_it_was_taken_of(made: Path, tmp_path: Path) -> None:
    # In its loudest 40 dB; what is softer drowns in phases that are made up.
    write_ccmusic(tmp_path, sounds=False)
    heard, seen = (read_ccmusic(find_parquet_files(folder), 22050)[0]["audio"][:3] for folder in (made, tmp_path))
    for sound, picture in zip(heard, seen, strict=True):
        original, made_up = soundfile.read(io.BytesIO(sound))[0][::2], soundfile.read(io.BytesIO(picture))[0]
        one, other = (
            np.maximum(log_mel_spectrogram(x / np.abs(x).max(), 22050, 2048, 512, 128, 27.5, 11025.0, -100.0), -40)
            for x in (original, made_up)
        )
        frames = min(len(one), len(other)) - 2
        assert np.corrcoef(one[:frames].ravel(), other[:frames].ravel())[0, 1] > 0.85


def test_the_mirror_comes_first_and_a_missing_split_is_named(made, tmp_path, monkeypatch) -> None:
    (tmp_path / "ccmusic").symlink_to(made)
    monkeypatch.setenv("CRESCENDAI_MIRROR", str(tmp_path))
    assert find_parquet_files(tmp_path / "nowhere").keys() == set(CLIPS)
    monkeypatch.delenv("CRESCENDAI_MIRROR")
    with pytest.raises(DataError, match=r"no manifest .* cannot be fetched"):
        find_parquet_files(tmp_path / "nowhere")
    (tmp_path / "part").mkdir()
    (tmp_path / "part/train-00000-of-00001.parquet").symlink_to(made / "train-00000-of-00001.parquet")
    with pytest.raises(DataError, match=r"expected files validation-\*.parquet, test-\*.parquet, found only train"):
        find_parquet_files(tmp_path / "part")


def test_with_a_manifest_files_are_verified(made: Path, tmp_path: Path, monkeypatch) -> None:
    files = sorted(made.glob("*.parquet"))
    listed = [{"path": f.name, "size": f.stat().st_size, "sha256": ccmusic.sha256_of(f)} for f in files]
    about = {"name": "ccmusic", "base_url": "https://example.org/", "mirror_folder": "ccmusic", "licence": "x",
             "mirror_names": {}, "files": listed}  # fmt: skip
    (tmp_path / "ccmusic.json").write_text(json.dumps(about))
    (tmp_path / "ccmusic").symlink_to(made)
    monkeypatch.setattr(ccmusic, "MANIFESTS", tmp_path)
    monkeypatch.setattr("crescendai.datasets.manifest.MANIFESTS", tmp_path)
    monkeypatch.setenv("CRESCENDAI_MIRROR", str(tmp_path))
    assert find_parquet_files(tmp_path)["test"][0].name == "test-00000-of-00001.parquet"
    listed[0]["sha256"] = "0" * 64
    (tmp_path / "ccmusic.json").write_text(json.dumps(about))
    with pytest.raises(DataError, match="expected sha256"):
        find_parquet_files(tmp_path)


SPOILS = {
    "column": (lambda t: t.drop_columns(["bass_score"]), "expected columns .* bass_score"),
    "names": (lambda t: t.replace_schema_metadata({}), "names of the classes of label"),
    "score": (lambda t: t.set_column(7, "avg_score", pa.array([9.0] * len(t))), "scores from 0 to 5"),
    "class": (lambda t: t.set_column(2, "label", pa.array([99] * len(t))), "expected label from 0 to 6"),
}


@pytest.mark.parametrize("case", SPOILS)
def test_another_schema_is_refused(made: Path, tmp_path: Path, case: str) -> None:
    spoil, message = SPOILS[case]
    files = find_parquet_files(made)
    spoilt = tmp_path / "test-00000-of-00001.parquet"
    pq.write_table(spoil(pq.read_table(files["test"][0])), spoilt)
    with pytest.raises(DataError, match=message):
        read_ccmusic(files | {"test": [spoilt]}, 22050)
