"""Cross-validation folds that keep whole groups together, and the check that they did.

Protocols and what a group is in each:

=============  =============================================================  ===================
composition    (piece, segment), near to PercePiano's published protocol      the published question
passage        all excerpts that share music                                  music never heard
performer      the player                                                     a pianist never heard
movement       the movement, one fold each                                    works never heard
piano          the piano (CCMusic, whose player is a piano), one fold each    a piano never heard
random         the clip itself: leaky by design, for reference only           none
file:<path>    folds published as JSON ``{"fold_0": [clip_id, …], …}``        theirs
test:<path>    the ``test`` part of such a file, taught by all the rest        theirs, once
again:<name>   the groups of passage or composition, dealt by another seed     was it luck?
=============  =============================================================  ===================

PercePiano's own code (``pyScoreParser/m2pf_dataset_compositionfold.py``) and published folds keep the
excerpt (piece, number of bars, segment) together; ``composition`` is a little stricter. None of them keeps
all music apart: 16-bar excerpts contain the very recordings of two 8-bar excerpts, and rondo themes come
back. ``passage`` does (see `crescendai.datasets.passages`), and is what an honest claim about new music
rests on.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from crescendai.errors import DataError, LeakError, ParamsError

GROUP_COLUMNS = {
    "composition": ["piece", "segment"],
    "passage": ["passage"],
    "performer": ["player"],
    "movement": ["movement"],
    "piano": ["player"],
    "random": ["clip_id"],
}
PUBLISHED_GROUP = ["excerpt"]
CCMUSIC_SPLIT = "file:data/ccmusic/folds/published.json"  # every piano, and so every score, on both sides
LEAKY = ("random", CCMUSIC_SPLIT)
NO_FOLD = -1  # neither trained on nor scored
TRAINING = -2  # trained on, whatever the fold, and never scored
ONE_FOLD_A_GROUP = ("movement", "piano")
PLAYERS = ("performer", "piano")  # protocols whose folds are made of who plays, so that music is in all of them
AGAIN = ("passage", "composition")  # protocols that may be dealt again


def protocol_name(spec: str) -> str:
    """The short name of a protocol: itself, the file's stem for ``file:<path>``, with ``_test`` for ``test:<path>``,
    or ``<name>_again`` for ``again:<name>``.

    Raises:
        ParamsError: none of these.
    """
    kind, _, rest = spec.partition(":")
    if spec in GROUP_COLUMNS:
        return spec
    if kind == "again" and rest in AGAIN:
        return f"{rest}_again"
    if kind in ("file", "test") and rest.endswith(".json"):
        return Path(rest).stem + ("_test" if kind == "test" else "")
    raise ParamsError(
        f"split: expected one of {', '.join(GROUP_COLUMNS)}, {', '.join(f'again:{name}' for name in AGAIN)}, "
        f"file:<path>.json or test:<path>.json, found {spec!r}; see params.yaml"
    )


def all_protocols(protocols: Sequence[str], split: Sequence[str]) -> list[str]:
    """The corpus's protocols and those the network is trained on, each once, in that order."""
    return list(dict.fromkeys([*protocols, *split]))


def groups_of(clips: pd.DataFrame, spec: str) -> pd.Series:
    """The group of every clip under a protocol; ``[clip]`` strings."""
    protocol_name(spec)  # refuses an unknown protocol
    columns = GROUP_COLUMNS.get(spec.removeprefix("again:"), PUBLISHED_GROUP)
    return clips[columns].astype(str).agg("_".join, axis=1)


def deal_groups(
    groups: Sequence[str], n_folds: int, seed: int, strata: Sequence[str] | None = None
) -> np.ndarray:
    """Deals whole groups to folds of near-equal size.

    Groups are shuffled, then dealt largest first to the fold that has the fewest rows of the
    group's stratum, and of those to the smallest fold.

    groups: ``[row]`` the group of every row.
    strata: ``[row]`` what every fold should have its share of, for example the movement; a group's
        stratum is that of its first row.

    Returns:
        ``[row]`` fold, 0 to ``n_folds`` - 1.

    Raises:
        DataError: fewer groups than folds.
    """
    frame = pd.DataFrame({"group": np.asarray(groups, dtype=str)})
    frame["stratum"] = "" if strata is None else np.asarray(strata, dtype=str)
    table = frame.groupby("group", sort=True).agg(size=("group", "size"), stratum=("stratum", "first"))
    if len(table) < n_folds:
        raise DataError(
            f"folds: expected at least {n_folds} groups, found {len(table)}; lower folds.n_folds or add data"
        )
    shuffled = table.iloc[np.random.default_rng(seed).permutation(len(table))]
    shuffled = shuffled.sort_values("size", ascending=False, kind="stable")
    rows = np.zeros(n_folds, dtype=int)
    rows_of_stratum = {stratum: np.zeros(n_folds, dtype=int) for stratum in table["stratum"].unique()}
    fold_of_group: dict[str, int] = {}
    for group, size, stratum in shuffled.itertuples():
        fold = int(np.lexsort((rows, rows_of_stratum[stratum]))[0])
        fold_of_group[group] = fold
        rows[fold] += size
        rows_of_stratum[stratum][fold] += size
    return frame["group"].map(fold_of_group).to_numpy()


def assign_folds(clips: pd.DataFrame, spec: str, n_folds: int, seed: int) -> pd.DataFrame:
    """The folds of one protocol: columns protocol, clip_id, fold, group.

    Raises:
        LeakError: a published split has a group on both sides.
        DataError: a published split names unknown clips, leaves some out, or lacks the part that is asked for.
    """
    groups, kind = groups_of(clips, spec), spec.partition(":")[0]
    if kind in ("file", "test"):
        folds = _published_folds(Path(spec.partition(":")[2]), clips["clip_id"], kind == "test")
    elif spec in ONE_FOLD_A_GROUP:
        folds = np.unique(groups, return_inverse=True)[1]
    else:
        folds = deal_groups(groups, n_folds, seed + (kind == "again"), strata=clips["movement"])
    check_no_leak(clips["clip_id"], groups, folds, protocol_name(spec))
    return pd.DataFrame(
        {"protocol": protocol_name(spec), "clip_id": clips["clip_id"], "fold": folds, "group": groups}
    )


def check_no_leak(
    clip_ids: Sequence[str], groups: Sequence[str], folds: Sequence[int], protocol: str
) -> None:
    """Refuses folds in which a group is on both sides of a split.

    Raises:
        LeakError: names the groups, their folds and a clip of each.
    """
    frame = pd.DataFrame({"clip_id": list(clip_ids), "group": list(groups), "fold": list(folds)})
    scored = frame[frame["fold"] != NO_FOLD]
    folds_of_group = scored.groupby("group")["fold"].agg(lambda fold: sorted(set(fold)))
    offenders = folds_of_group[folds_of_group.str.len() > 1]
    if len(offenders):
        named = "; ".join(
            f"{group} in folds {', '.join(map(str, found))} "
            f"(e.g. {scored.loc[scored['group'] == group, 'clip_id'].iloc[0]})"
            for group, found in offenders.head(5).items()
        )
        more = f" and {len(offenders) - 5} more" if len(offenders) > 5 else ""
        raise LeakError(
            f"protocol {protocol}: expected every group in one fold, found {len(offenders)} on both sides "
            f"of a split: {named}{more}; make the folds again with stage `split`"
        )


def shared_passages(clips: pd.DataFrame, folds: pd.DataFrame) -> list[str]:
    """Passages that lie in more than one fold, or are trained on too: music that is shown to both sides."""
    merged = folds.merge(clips[["clip_id", "passage"]], on="clip_id")
    count = merged[merged["fold"] != NO_FOLD].groupby("passage")["fold"].nunique()
    return sorted(count.index[count > 1])


def check_teachable(clips: pd.DataFrame, names: Sequence[str], folds: pd.DataFrame, protocol: str) -> None:
    """Refuses folds that leave too little to learn a target from: two groups that know it are the least.

    clips: with the targets ``names``, NaN where one is not rated; folds: of one protocol.

    Raises:
        DataError: names the targets and the folds.
    """
    own = folds.set_index("clip_id").loc[clips["clip_id"]]
    fold, group = own["fold"].to_numpy(), own["group"].to_numpy(str)
    lacking = []
    for name in names:
        known = clips[name].notna().to_numpy()
        for number in np.unique(fold[fold >= 0]):
            taught = len(np.unique(group[known & (fold != number) & (fold != NO_FOLD)]))
            if taught < 2:
                lacking.append(f"{name} outside of fold {number} ({taught})")
    if lacking:
        more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        raise DataError(
            f"protocol {protocol}: expected ratings of every target in at least 2 groups to learn from, found fewer: "
            f"{'; '.join(lacking[:5])}{more}; rate more clips, leave the target out, or change folds.n_folds"
        )


def _published_folds(path: Path, clip_ids: pd.Series, test: bool) -> np.ndarray:
    """Folds of a JSON file ``{"fold_0": [...], …}``; ``train`` becomes `TRAINING`, and ``test`` `NO_FOLD`.

    test: the clips of ``test`` are fold 0 instead, and all others `TRAINING`.

    Raises:
        DataError: no such file, not the corpus's clips, or no ``test`` where it is asked for.
    """
    if not path.exists():
        raise DataError(f"{path}: expected published folds, not found; stage `fetch` brings them")
    published = json.loads(path.read_text())
    named = {clip: name for name, clips in published.items() for clip in clips}
    unknown, left_out = sorted(set(named) - set(clip_ids)), sorted(set(clip_ids) - set(named))
    if unknown or left_out:
        raise DataError(
            f"{path}: expected the corpus's {len(clip_ids)} clips, found {len(unknown)} unknown "
            f"{unknown[:3]} and {len(left_out)} left out {left_out[:3]}; use folds made for this corpus"
        )
    if test:
        if not published.get("test"):
            raise DataError(
                f"{path}: expected a part test, found {', '.join(published)}; take test:{path} out of params.yaml"
            )
        return np.where(clip_ids.map(named) == "test", 0, TRAINING)
    numbers = {name: int(name.removeprefix("fold_")) for name in published if name.startswith("fold_")}
    numbers["train"] = TRAINING
    return clip_ids.map(named).map(numbers).fillna(NO_FOLD).to_numpy(dtype=int)
