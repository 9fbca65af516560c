"""PercePiano: 1,202 piano clips rated by up to 19 listeners on 19 dimensions.

Park, J., Kim, J., Park, J. M., Choi, A., Li, W.-S., Park, J. & Hwang, S.-W. Piano performance
evaluation dataset with multilevel perceptual features. Scientific Reports 14, 23002 (2024).
https://doi.org/10.1038/s41598-024-73810-0. Data: github.com/JonghoKimSNU/PercePiano, MIT.

What upstream's files do not say, and this module takes care of:

- a label row has 20 numbers, 19 ratings and a player number;
- a clip is named ``<piece>_<n>bars_<player>_<segment>``, player before segment, whatever upstream's
  README says;
- one MIDI file's name begins with a space, its label's does not;
- the copy of the labels below ``labels/`` lacks 13 clips; the one at the root has all;
- single ratings: a 0 is no answer, and rows with an answer above 7 are dropped whole (upstream's
  ``labels/map_midi_to_label.py``). That script also renames 13 ``Score`` renderings to ``Score2``,
  which pools the ratings of two different sounds and gives the 1,189 labels below ``labels/``; the
  1,202 labels at the root are the means of the names as they stand, to the last digit, so the
  names are left as they stand here.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from crescendai.datasets.manifest import Manifest
from crescendai.datasets.passages import merged_passages, runs_of
from crescendai.dimensions import NAMES, NUM_DIMENSIONS
from crescendai.errors import DataError
from crescendai.midi.notes import read_midi

LABELS = "label_2round_mean_reg_19_with0_rm_highstd0.json"
SINGLE_RATINGS = "labels/total_2rounds.csv"
MIDI_FOLDER = "virtuoso/data/all_2rounds/"
HIGHEST_ANSWER = 7
FIRST_ANSWER_COLUMN = 3  # user, dataID, filename come first


@dataclass(frozen=True)
class ClipName:
    """The parts of ``<piece>_<n>bars_<player>_<segment>``, e.g. Schubert_D960_mv3_8bars_Score_05."""

    piece: str
    bars: str
    player: str
    segment: str

    @property
    def movement(self) -> str:
        """The piece; the theme and variations of WoO 80 are one."""
        return "Beethoven_WoO80" if self.piece.startswith("Beethoven_WoO80") else self.piece

    @property
    def excerpt(self) -> str:
        """What is played, whoever plays it."""
        return f"{self.piece}_{self.bars}_{self.segment}"


def parse_clip_name(clip_id: str) -> ClipName:
    """Splits a clip's name.

    Raises:
        DataError: it does not have the form ``<piece>_<n>bars_<player>_<segment>``.
    """
    piece, bars, player, segment = ([""] * 4 + clip_id.rsplit("_", 3))[-4:]
    if not piece or not bars.endswith("bars"):
        raise DataError(
            f"clip {clip_id!r}: expected a name <piece>_<n>bars_<player>_<segment>, found another form; "
            "leave it out or rename it"
        )
    return ClipName(piece, bars, player, segment)


def read_percepiano(manifest: Manifest, find: Callable[[str], Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reads the corpus.

    find: from a path in the manifest to the verified file, see `crescendai.datasets.download.locate`.

    Returns:
        Clips and single ratings, in the columns of every corpus (see README).

    Raises:
        DataError: a label without MIDI, a MIDI without label, or a damaged file.
    """
    labels = read_labels(find(LABELS))
    midi_files = {
        Path(file.path).stem.strip(): find(file.path)
        for file in manifest.files
        if file.path.startswith(MIDI_FOLDER)
    }
    if set(labels.index) != set(midi_files):
        silent, unrated = sorted(set(labels.index) - set(midi_files)), sorted(set(midi_files) - set(labels.index))
        raise DataError(
            f"{find(LABELS)}: expected one rated clip for every MIDI file, found {len(silent)} ratings without "
            f"MIDI {silent[:3]} and {len(unrated)} MIDI files without ratings {unrated[:3]}; fetch upstream's "
            "pinned commit"
        )
    ratings = read_single_ratings(find(SINGLE_RATINGS))
    names = {clip: parse_clip_name(clip) for clip in labels.index}
    midi = {clip: midi_files[clip].read_bytes() for clip in labels.index}
    runs = {clip: runs_of(read_midi(content, clip)) for clip, content in midi.items()}
    passages = merged_passages(runs, {clip: name.excerpt for clip, name in names.items()})
    clips = pd.DataFrame(
        {
            "clip_id": labels.index,
            "piece": [names[clip].piece for clip in labels.index],
            "movement": [names[clip].movement for clip in labels.index],
            "segment": [names[clip].segment for clip in labels.index],
            "player": [names[clip].player for clip in labels.index],
            "excerpt": [names[clip].excerpt for clip in labels.index],
            "passage": [passages[names[clip].excerpt] for clip in labels.index],
            "midi": [midi[clip] for clip in labels.index],
            "audio": None,
            "n_raters": ratings.groupby("clip_id").size().reindex(labels.index, fill_value=0).to_numpy(),
        }
    )
    clips[list(NAMES)] = labels.to_numpy()
    return clips, ratings


def read_labels(path: Path) -> pd.DataFrame:
    """Mean ratings: index clip_id (sorted), 19 columns in [1/7, 1].

    Raises:
        DataError: not JSON, a row of another length than 20, or a rating outside (0, 1] or NaN.
    """
    try:
        raw: dict[str, list[float]] = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected ratings as JSON, found a damaged file ({error}); fetch it again") from error
    for clip, row in raw.items():
        if len(row) != NUM_DIMENSIONS + 1:
            raise DataError(
                f"{path}: clip {clip}: expected 19 ratings and a player number, found {len(row)} numbers; "
                "fetch upstream's pinned commit"
            )
        ratings = np.array(row[:NUM_DIMENSIONS], dtype=float)
        if not np.all((ratings > 0) & (ratings <= 1)):  # false for NaN too
            raise DataError(
                f"{path}: clip {clip}: expected ratings above 0 and up to 1, found {ratings.tolist()}; "
                "fetch upstream's pinned commit"
            )
    table = pd.DataFrame.from_dict(
        {clip: row[:NUM_DIMENSIONS] for clip, row in raw.items()}, orient="index", columns=list(NAMES)
    )
    return table.rename_axis("clip_id").sort_index()


def read_single_ratings(path: Path) -> pd.DataFrame:
    """Single ratings: clip_id, rater, 19 columns in [1/7, 1], NaN for no answer; sorted.

    Raises:
        DataError: the table lacks the 19 answer columns.
    """
    raw = pd.read_csv(path)
    answers = raw.iloc[:, FIRST_ANSWER_COLUMN : FIRST_ANSWER_COLUMN + NUM_DIMENSIONS]
    if answers.shape[1] != NUM_DIMENSIONS or not all(str(name).startswith("Question_") for name in answers):
        raise DataError(
            f"{path}: expected 19 answer columns Question_… after user, dataID, filename, found "
            f"{list(answers.columns)}; fetch upstream's pinned commit"
        )
    ratings = answers.astype(float).set_axis(list(NAMES), axis=1)
    ratings = ratings.mask(ratings == 0) / HIGHEST_ANSWER
    ratings.insert(0, "clip_id", raw["filename"].str.removesuffix(".wav").str.replace("_score_", "_Score_"))
    ratings.insert(1, "rater", raw["user"].astype(str))
    kept = ratings[~(answers > HIGHEST_ANSWER).any(axis=1).to_numpy()]
    return kept.sort_values(["clip_id", "rater"], kind="stable", ignore_index=True)
