"""split: cross-validation folds of every protocol, whole groups together.

Reads    data/<corpus>/clips.parquet, targets.json, folds/
Writes   data/<corpus>/folds.parquet   a row a protocol and clip: its fold and its group
Run      python -m stages.split <corpus>
Takes    seconds

A split with a group on both sides is refused, and one whose training part lacks ratings of a target.
Published folds are taken as published; passages that
they show to both sides are counted and named.
"""

from pathlib import Path

import pandas as pd

from crescendai.datasets.splits import (
    PLAYERS,
    all_protocols,
    assign_folds,
    check_teachable,
    protocol_name,
    shared_passages,
)
from crescendai.datasets.tables import read_table, write_table
from crescendai.datasets.targets import read_targets
from crescendai.params import Params
from stages import run_stage


def main(corpus: str, params: Params) -> None:
    folder = Path("data") / corpus
    names = read_targets(folder).names
    clips = read_table(
        folder / "clips.parquet",
        ["clip_id", "piece", "segment", "movement", "player", "excerpt", "passage", *names],
    )
    protocols = all_protocols(getattr(params.scale, corpus).protocols, params.split_of(corpus))

    tables = []
    for spec in protocols:
        folds = assign_folds(clips, spec, params.folds.n_folds, params.seed)
        check_teachable(clips, names, folds, protocol_name(spec))
        sizes = folds.loc[folds["fold"] >= 0].groupby("fold").size().tolist()
        print(f"{protocol_name(spec)}: {folds['group'].nunique()} groups, clips a fold {sizes}")
        if spec not in ("random", *PLAYERS):  # which show music to both sides by intent
            shared = shared_passages(clips, folds)
            if shared:
                print(f"  {len(shared)} passages are on both sides, e.g. {', '.join(shared[:3])}")
        tables.append(folds)
    write_table(pd.concat(tables), folder / "folds.parquet")


if __name__ == "__main__":
    run_stage(main, __doc__)
