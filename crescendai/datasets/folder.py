"""Your own recordings: a folder of audio or MIDI files, and a CSV table of ratings.

The table has a row a file, or a row a file and rater::

    file,rater,player,piece,timing_stability,pedal_amount
    monday/etude.wav,anna,Lee,Etude,0.3,0.8
    monday/etude.wav,ben,Lee,Etude,0.5,

``file`` and one dimension at least are needed: by its name here, or by the one PercePiano gives it. An empty cell is
no rating. ``rater`` makes several ratings of one file a mean, and says how far they agree; ``piece``, ``passage`` and
``player`` are what folds keep together. Everything that is wrong is found before anything is done, and said at once.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from crescendai.datasets.folder_files import check_files, is_midi
from crescendai.datasets.folder_table import GROUPINGS, RatingTable, read_rating_table
from crescendai.datasets.splits import ONE_FOLD_A_GROUP, groups_of, protocol_name
from crescendai.datasets.targets import Targets
from crescendai.dimensions import DIMENSIONS
from crescendai.errors import DataError

# The column of the table that the folds of a protocol need; those of others can do without any.
NEEDED = {"performer": "player", "piano": "player", "movement": "piece"}


def read_folder(
    folder: Path, table: str, rating_range: Sequence[float], protocols: Sequence[str], n_folds: int
) -> tuple[pd.DataFrame, pd.DataFrame, Targets]:
    """Reads and checks the corpus.

    table: name of the CSV file in the folder. rating_range: its lowest and its highest possible answer, which become
        0 and 1. protocols, n_folds: what folds will be asked for.

    Returns:
        Clips and single ratings, in the columns of every corpus, and the dimensions that anyone rated.

    Raises:
        DataError: names every problem with its line.
    """
    path = folder / table
    if not path.is_file():
        raise DataError(
            f"{path}: expected a table of ratings, found none; correct scale.folder.source, see data/README.md"
        )
    rated, problems = read_rating_table(path, (rating_range[0], rating_range[1]))
    problems += check_files(folder, rated.rows[["line", "file"]])
    if not problems:
        clips, ratings, targets = _tables(folder, rated)
        problems += _differing(clips, targets) + _groups(clips, rated, targets, protocols, n_folds)
    if problems:
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise DataError(f"{path}: expected files and ratings that belong together, found {count}; mend the table or "
                        "the folder:\n" + "\n".join(f"  {problem}" for problem in problems))  # fmt: skip
    return clips, ratings, targets


def _tables(folder: Path, rated: RatingTable) -> tuple[pd.DataFrame, pd.DataFrame, Targets]:
    given = [d for d in DIMENSIONS if d.name in rated.rows and rated.rows[d.name].notna().any()]
    names = [dimension.name for dimension in given]
    ratings = rated.rows[["file", "rater", *names]].rename(columns={"file": "clip_id"})
    ratings = ratings.sort_values(["clip_id", "rater"], ignore_index=True)
    by_clip = ratings.groupby("clip_id")
    about = rated.rows.drop_duplicates("file").set_index("file").sort_index()
    files = about.index.to_series()
    piece = about["piece"] if "piece" in about else about.get("passage", files)
    passage = about.get("passage", piece)
    content = [(folder / file).read_bytes() for file in files]
    clips = pd.DataFrame({
        "clip_id": files, "piece": piece, "movement": piece, "segment": passage,
        "player": about.get("player", "not said"), "excerpt": passage, "passage": passage,
        "midi": [data if is_midi(file) else None for file, data in zip(files, content, strict=True)],
        "audio": [None if is_midi(file) else data for file, data in zip(files, content, strict=True)],
        "n_raters": by_clip.size(),
    }).reset_index(drop=True)  # fmt: skip
    clips[names] = by_clip[names].mean().to_numpy()
    return clips, ratings, Targets.of_dimensions(given)


def _differing(clips: pd.DataFrame, targets: Targets) -> list[str]:
    """Dimensions in which nothing differs have nothing to be learned."""
    return [
        f"column {name}: expected ratings that differ between files, found all {clips[name].max():g}; leave it out"
        for name in targets.names
        if np.ptp(clips[name].dropna()) < 1e-9
    ]


def _groups(
    clips: pd.DataFrame, rated: RatingTable, targets: Targets, protocols: Sequence[str], n_folds: int
) -> list[str]:
    """Protocols whose groups are too few for their folds, of all clips or of those rated in a dimension."""
    problems = []
    for spec in protocols:
        name, needed = protocol_name(spec), NEEDED.get(spec)
        if needed and needed not in rated.given:
            problems.append(f"protocol {name}: expected a column {needed}, found none; add it, or leave {name} out of "
                            "scale.folder.protocols")  # fmt: skip
            continue
        # Two groups at least must be left to learn from, whatever fold is held out.
        least = 3 if spec in ONE_FOLD_A_GROUP else max(n_folds, 4 if n_folds == 2 else 3)
        groups = groups_of(clips, spec)
        found = {"files": groups.nunique()} | {
            f"files rated in {target}": groups[clips[target].notna()].nunique() for target in targets.names
        }
        columns = " or ".join(column for column in GROUPINGS if column in rated.given)
        by = f"groups ({needed or columns or 'each file is one'})"
        for what, count in found.items():
            if count < least and (what == "files" or found["files"] >= least):
                problems.append(f"protocol {name}: expected {what} in at least {least} {by}, found {count}; "
                                "add some, or lower folds.n_folds")  # fmt: skip
    return problems
