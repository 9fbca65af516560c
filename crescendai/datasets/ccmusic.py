"""CCMusic pianos: single notes of seven or eight pianos, and how listeners scored each piano.

``ccmusic-database/pianos`` on the Hugging Face hub, CC BY-NC-ND 4.0. Z. Zhou et al., *CCMusic: an open and diverse
database for Chinese music information retrieval research*, Transactions of the ISMIR 8 (2025).

Columns of its Parquet files: ``audio`` and ``mel`` (a sound and a picture of its mel spectrogram, each bytes and a
path), ``label`` (the piano) and ``pitch`` (of 88 keys), both classes whose names stand in the schema's metadata, and
four scores: ``bass_score``, ``mid_score``, ``treble_score``, ``avg_score``. Files are named after their split:
``train-…``, ``validation-…``, ``test-…``.

**What it can show.** The scores are of the piano, not of the clip: there are as many different ones as there are
pianos, and who tells the pianos apart knows them all. Only a piano that was never heard asks whether scores can be
heard, and seven answers to that are few.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crescendai.datasets.download import DOWNLOADS, MIRROR_VARIABLE, locate
from crescendai.datasets.manifest import MANIFESTS, load_manifest, sha256_of
from crescendai.datasets.mel_image import sound_of_mel_image
from crescendai.datasets.targets import CLASS, TargetColumn, Targets
from crescendai.errors import DataError

NAME = "ccmusic"
HUB = "https://huggingface.co/datasets/ccmusic-database/pianos"
SPLITS = ("train", "validation", "test")
SCORES = {"bass_score": "bass", "mid_score": "middle register", "treble_score": "treble", "avg_score": "all registers"}
HIGHEST_SCORE = 5.0  # a score of 5 is 1; published ones lie between 2 and 5
COLUMNS = ("audio", "mel", "label", "pitch", *SCORES)


def find_parquet_files(folder: Path) -> dict[str, list[Path]]:
    """The files of every split: of a committed manifest, else of the mirror, else of ``folder``.

    Raises:
        DataError: a split has no file.
    """
    mirror = os.environ.get(MIRROR_VARIABLE)
    if (MANIFESTS / f"{NAME}.json").exists():
        manifest = load_manifest(NAME)
        find = locate(manifest, DOWNLOADS)
        files = [find(file.path) for file in manifest.files]
    else:
        root = Path(mirror).expanduser() / NAME if mirror and (Path(mirror).expanduser() / NAME).is_dir() else folder
        files = sorted(root.rglob("*.parquet"))
        if not files:
            raise DataError(
                f"{root}: expected the Parquet files of {HUB}, found none; no manifest of them is committed, so they "
                "cannot be fetched: put them there, or make a manifest with crescendai.datasets.manifest"
            )
        print("without a manifest these files are taken as they are:")
        print(*(f"  {file.relative_to(root)} sha256 {sha256_of(file)}" for file in files), sep="\n")
    by_split = {split: [file for file in files if file.name.startswith(f"{split}-")] for split in SPLITS}
    lacking = [split for split, own in by_split.items() if not own]
    if lacking:
        raise DataError(
            f"{files[0].parent}: expected files {', '.join(f'{split}-*.parquet' for split in lacking)}, found only "
            f"{', '.join(file.name for file in files)}; take all of upstream's files"
        )
    return by_split


def read_ccmusic(
    files: dict[str, list[Path]], sample_rate_hz: int
) -> tuple[pd.DataFrame, pd.DataFrame, Targets, dict[str, list[str]]]:
    """Reads the corpus.

    sample_rate_hz: of sounds that are made of a mel picture, where there is no audio.

    Returns:
        Clips and scores in the columns of every corpus, the targets, and the published split: its test part is
        ``fold_0``, and its training and validation parts are ``train``, since nothing is chosen by the latter.

    Raises:
        DataError: another schema, an unknown class, or a score that is none.
    """
    tables = {split: pd.concat([_read(path) for path in files[split]], ignore_index=True) for split in SPLITS}
    rows = pd.concat([table.assign(split=split) for split, table in tables.items()], ignore_index=True)
    pianos = list(dict.fromkeys(name for path in files["train"] for name in class_names(path, "label")))
    number = rows.groupby("split").cumcount().astype(str).str.zfill(3)
    clip_id = rows["label"] + "_" + rows["split"] + "_" + number
    clips = pd.DataFrame({
        "clip_id": clip_id, "piece": rows["pitch"], "movement": "single notes", "segment": rows["pitch"],
        "player": rows["label"], "excerpt": clip_id, "passage": rows["pitch"], "midi": None,
        "audio": [_sound(*row, sample_rate_hz) for row in zip(clip_id, rows["audio"], rows["mel"], strict=True)],
        "n_raters": 1,
    })  # fmt: skip
    present = [piano for piano in pianos if (rows["label"] == piano).any()]
    targets = Targets((
        *(TargetColumn(name, "score", f"{of}: 0", f"{HIGHEST_SCORE:g}") for name, of in SCORES.items()),
        *(TargetColumn(f"piano_{piano}", "piano", "another", piano, CLASS) for piano in present),
    ))  # fmt: skip
    for name in SCORES:
        clips[name] = rows[name].astype(float) / HIGHEST_SCORE
    for piano in present:
        clips[f"piano_{piano}"] = (rows["label"] == piano).astype(float)
    ratings = clips[["clip_id"]].assign(rater="published", **clips[list(targets.names)])
    is_test = rows["split"] == "test"
    published = {"fold_0": clip_id[is_test].tolist(), "train": clip_id[~is_test].tolist()}
    return clips, ratings, targets, published


def class_names(path: Path, column: str) -> list[str]:
    """Names of a column's classes, from the metadata that the hub writes into the schema.

    Raises:
        DataError: there are none.
    """
    try:
        about = json.loads((pq.read_schema(path).metadata or {})[b"huggingface"])
        return list(about["info"]["features"][column]["names"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: expected names of the classes of {column} in the schema's metadata, found none ({error}); "
            "take upstream's files as they are"
        ) from error


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: expected a Parquet file, found a damaged one ({error}); get it again") from error
    missing = sorted(set(COLUMNS) - set(table.column_names))
    if missing:
        raise DataError(
            f"{path}: expected columns {', '.join(COLUMNS)}, found {', '.join(table.column_names)}; take upstream's "
            "configuration with audio and scores"
        )
    rows = table.select(list(COLUMNS)).to_pandas()
    for column in ("label", "pitch"):
        rows[column] = _named(rows[column], class_names(path, column), path)
    scores = rows[list(SCORES)].to_numpy(float)
    if not ((scores >= 0) & (scores <= HIGHEST_SCORE)).all():  # false for NaN too
        raise DataError(f"{path}: expected scores from 0 to {HIGHEST_SCORE:g}, found others; take upstream's files")
    return rows


def _named(numbers: pd.Series, names: Sequence[str], path: Path) -> pd.Series:
    if not numbers.isin(range(len(names))).all():
        raise DataError(f"{path}: expected {numbers.name} from 0 to {len(names) - 1}, found others; get it again")
    return numbers.map(dict(enumerate(names)))


def _sound(clip_id: str, audio: dict | None, mel: dict | None, sample_rate_hz: int) -> bytes:
    """The recording; where there is none, a sound made of the picture."""
    if audio is not None and audio.get("bytes"):
        return audio["bytes"]
    if mel is not None and mel.get("bytes"):
        return sound_of_mel_image(mel["bytes"], clip_id, sample_rate_hz)
    raise DataError(f"clip {clip_id}: expected a sound or a mel picture, found neither; take upstream's files")
