"""fetch: brings a corpus here, checks it and writes it as two tables.

Reads    the embedded demo corpus; PercePiano from its official address (or a local mirror named by
         CRESCENDAI_MIRROR), every file checked against its manifest; your own recordings and ratings
         (scale.folder.source); or CCMusic pianos (scale.ccmusic.source, or the mirror)
Writes   data/<corpus>/clips.parquet     a row a clip: who plays what, MIDI or audio, mean ratings
         data/<corpus>/targets.json      which of its columns are to be learned, and what they mean
         data/<corpus>/ratings.parquet   a row a rater and clip
         data/<corpus>/folds/            published folds, where the corpus has some
Run      python -m stages.fetch <corpus>
Takes    seconds; PercePiano 10 s from a mirror, minutes from the network (5 MB in 1,205 files)

DVC does not watch your own files: after changing them, `dvc repro -s -f fetch@folder`, then `dvc repro`.
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from crescendai.datasets.ccmusic import find_parquet_files, read_ccmusic
from crescendai.datasets.demo.corpus import make_demo
from crescendai.datasets.download import locate
from crescendai.datasets.folder import read_folder
from crescendai.datasets.manifest import load_manifest
from crescendai.datasets.percepiano import read_percepiano
from crescendai.datasets.tables import write_table
from crescendai.datasets.targets import Targets, write_targets
from crescendai.datasets.texts import write_texts
from crescendai.errors import DataError
from crescendai.params import Params
from stages import run_stage

PUBLISHED_FOLDS = "audio_fold_assignments.json"


def main(corpus: str, params: Params) -> None:
    folder = Path("data") / corpus
    folds_folder = folder / "folds"
    folds_folder.mkdir(parents=True, exist_ok=True)

    # ---- the corpus ----
    targets = Targets.of_dimensions()
    if corpus == "demo":
        clips, ratings = make_demo(**params.scale.demo.source.model_dump(), seed=params.seed)
    elif corpus == "folder":
        own = params.scale.folder
        clips, ratings, targets = read_folder(
            Path(own.source.folder).expanduser(), own.source.table, own.source.rating_range, own.protocols,
            params.folds.n_folds,
        )  # fmt: skip
    elif corpus == "ccmusic":
        files = find_parquet_files(Path(params.scale.ccmusic.source.folder).expanduser())
        clips, ratings, targets, published_split = read_ccmusic(files, params.render.sample_rate_hz)
        write_texts({folds_folder / "published.json": json.dumps(published_split, indent=1) + "\n"})
    else:
        manifest = load_manifest("percepiano")
        commit = params.scale.percepiano.source.commit
        if commit not in manifest.base_url:
            raise DataError(
                f"scale.percepiano.source.commit: expected the revision of the committed manifest "
                f"({manifest.base_url}), found {commit}; make a manifest of it with crescendai.datasets.manifest"
            )
        clips, ratings = read_percepiano(manifest, locate(manifest))
        published = locate(load_manifest("dhiman2026-folds"))(PUBLISHED_FOLDS)
        partial = folds_folder / "dhiman2026.json.part"
        shutil.copyfile(published, partial)
        os.replace(partial, folds_folder / "dhiman2026.json")

    # ---- what must be true of any corpus ----
    check_corpus(clips, ratings, targets)
    write_targets(targets, folder)
    write_table(clips, folder / "clips.parquet")
    write_table(ratings, folder / "ratings.parquet")
    raters = ratings.groupby("clip_id").size()
    print(
        f"{corpus}: {len(targets.names)} targets, {len(clips)} clips, "
        f"{clips['passage'].nunique()} passages, {clips['player'].nunique()} "
        f"players, {ratings['rater'].nunique()} raters, {raters.min()}-{raters.max()} a clip (mean {raters.mean():.1f})"
    )


def check_corpus(clips: pd.DataFrame, ratings: pd.DataFrame, targets: Targets) -> None:
    """Refuses clips that are doubled, unrated, silent, or rated without being there."""
    doubled = clips.loc[clips["clip_id"].duplicated(), "clip_id"].tolist()
    silent = clips.loc[clips["midi"].isna() & clips["audio"].isna(), "clip_id"].tolist()
    values = clips[list(targets.names)].to_numpy(float)
    unrated = clips.loc[np.isnan(values).all(axis=1) | np.isinf(values).any(axis=1), "clip_id"].tolist()
    unknown = sorted(set(ratings["clip_id"]) - set(clips["clip_id"]))
    for found, expected in (
        (doubled, "every clip once"),
        (silent, "MIDI or audio for every clip"),
        (unrated, "finite ratings for every clip"),
        (unknown, "ratings of the corpus's clips only"),
    ):
        if found:
            raise DataError(
                f"corpus: expected {expected}, found {len(found)} others, e.g. {found[0]!r}; mend the corpus"
            )


if __name__ == "__main__":
    run_stage(main, __doc__)
