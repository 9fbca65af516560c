"""Checks that predictions may be scored at all, and lines them up with the ratings.

Nothing is dropped, filled in or averaged here: what does not fit is an error that names it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crescendai.datasets.splits import NO_FOLD, PLAYERS, check_no_leak, groups_of, protocol_name
from crescendai.datasets.targets import Targets
from crescendai.errors import DataError


@dataclass(frozen=True)
class ProtocolPredictions:
    """All models' out-of-fold predictions under one protocol, clips sorted by name."""

    clip_ids: list[str]  # [b]
    fold: np.ndarray  # [b]
    resampled: np.ndarray  # [b] what the bootstrap draws together: the passage, or the player
    excerpt: np.ndarray  # [b] clips of one excerpt are takes of the same music
    names: tuple[str, ...]  # [k] the targets between two poles
    rated: np.ndarray  # [b, k] NaN where there is no rating
    models: list[str]  # [m]
    predicted: np.ndarray  # [m, b, k]
    told: "dict[str, ToldApart]"  # what is told apart -> which class


@dataclass(frozen=True)
class ToldApart:
    """Classes of the clips, as positions in the names of the classes."""

    names: tuple[str, ...]
    true: np.ndarray  # [b]
    predicted: np.ndarray  # [m, b] of the largest prediction


def check_clips(clips: pd.DataFrame, ratings: pd.DataFrame, targets: Targets, source: str) -> None:
    """Refuses clips without any rating, or whose rating is not the mean of their single ratings.

    Raises:
        DataError: names the clips.
    """
    _refuse(clips.loc[clips["clip_id"].duplicated(), "clip_id"], source, "every clip once", "twice")
    names = list(targets.names)
    values = clips[names].to_numpy(float)
    bad = clips.loc[np.isnan(values).all(axis=1) | np.isinf(values).any(axis=1), "clip_id"]
    _refuse(bad, source, "finite ratings of every clip", "none, or infinite ones")
    means = ratings.groupby("clip_id")[names].mean()
    _refuse(
        set(means.index) ^ set(clips["clip_id"]),
        source,
        "the clips of ratings.parquet",
        "clips in only one of the two",
    )
    own = clips.set_index("clip_id")[names]
    off = (own - means.loc[own.index]).abs().max(axis=1)
    differ = ~(off < 1e-3) | (own.isna() != means.loc[own.index].isna()).any(axis=1)
    _refuse(off.index[differ], source, "the mean of the single ratings", "another rating")


def check_folds(folds: pd.DataFrame, clips: pd.DataFrame, specs: Sequence[str], source: str) -> None:
    """Refuses folds that do not cover the clips, or that leak.

    The groups are derived from the clips again: the table's own word is not taken.

    specs: the protocols that must be there, as in params.yaml.

    Raises:
        DataError: a protocol or clip is missing, unknown or doubled.
        LeakError: a group is in more than one fold.
    """
    expected = {protocol_name(spec): spec for spec in specs}
    _refuse(
        set(folds["protocol"]) ^ set(expected),
        source,
        f"protocols {', '.join(expected)}",
        "protocols missing or unknown",
    )
    for protocol, spec in expected.items():
        own = folds[folds["protocol"] == protocol].set_index("clip_id")["fold"]
        _refuse(own.index[own.index.duplicated()], source, f"every clip once in {protocol}", "twice")
        _refuse(
            set(own.index) ^ set(clips["clip_id"]),
            source,
            f"the corpus's clips in {protocol}",
            "clips missing or unknown",
        )
        own = own.reindex(clips["clip_id"])
        check_no_leak(clips["clip_id"].tolist(), groups_of(clips, spec).tolist(), own.tolist(), protocol)


def check_predictions(
    predictions: pd.DataFrame, folds: pd.DataFrame, required: Sequence[str], names: Sequence[str], source: str
) -> None:
    """Refuses predictions that are not exactly one a scored clip, out of its own fold.

    required: names of the protocols that must be there; others that have folds may be. names: of the targets.

    Raises:
        DataError: names the model, the protocol and the clips.
    """
    scored = folds[folds["fold"] >= 0]
    protocols, models = predictions["protocol"].unique(), predictions["model"].unique()
    _refuse(set(required) - set(protocols), source, f"protocols {', '.join(required)}", "none of")
    unknown = set(protocols) - set(folds["protocol"])
    _refuse(unknown, source, "protocols of folds.parquet", "unknown protocols")
    values = predictions[list(names)].to_numpy()
    bad = predictions.loc[~np.isfinite(values).all(axis=1)]
    _refuse(
        bad["model"] + " " + bad["protocol"] + " " + bad["clip_id"],
        source,
        "finite predictions",
        "NaN or infinite ones",
    )
    by_pair = dict(list(predictions.groupby(["protocol", "model"])[["clip_id", "fold"]]))
    for protocol in protocols:
        fold_of = scored.loc[scored["protocol"] == protocol].set_index("clip_id")["fold"]
        for model in models:
            what = f"{model}, {protocol}"
            if (protocol, model) not in by_pair:
                raise DataError(
                    f"{source}: {what}: expected {len(fold_of)} predictions, found none; "
                    "run the stage that makes the file again"
                )
            own = by_pair[protocol, model].set_index("clip_id")["fold"]
            _refuse(own.index[own.index.duplicated()], source, f"{what}: one prediction a clip", "two")
            missing, unscored = set(fold_of.index) - set(own.index), set(own.index) - set(fold_of.index)
            _refuse(missing, source, f"{what}: every scored clip", "no prediction for")
            _refuse(unscored, source, f"{what}: scored clips only", "other clips")
            wrong = own.index[own != fold_of.reindex(own.index)]
            _refuse(wrong, source, f"{what}: the folds of folds.parquet", "other folds")


def check_names(networks: Sequence[str], baselines: Sequence[str], source: str) -> None:
    """Refuses a model name that both tables of predictions use.

    Raises:
        DataError: names the models.
    """
    _refuse(set(networks) & set(baselines), source, "names that no baseline has", "names of baselines")


def gather(
    protocol: str, clips: pd.DataFrame, folds: pd.DataFrame, predictions: pd.DataFrame, targets: Targets
) -> ProtocolPredictions:
    """Lines up one protocol's checked predictions; models in the order in which the table has them.

    The bootstrap draws players where folds are made of players, else passages: movements are too
    few to draw from, and single clips too much alike.
    """
    of_protocol = folds[folds["protocol"] == protocol]
    own = of_protocol[of_protocol["fold"] >= 0]
    fold = own.set_index("clip_id")["fold"].sort_index()
    ordered = clips.set_index("clip_id").loc[fold.index]
    rows = predictions[predictions["protocol"] == protocol]
    models = list(rows["model"].unique())
    by_model = {model: table.set_index("clip_id").loc[fold.index] for model, table in rows.groupby("model")}
    names = targets.rated_names
    told = {
        what: ToldApart(
            classes,
            ordered[list(classes)].to_numpy().argmax(axis=1),
            np.stack([by_model[model][list(classes)].to_numpy().argmax(axis=1) for model in models]),
        )
        for what, classes in targets.classes.items()
        if _are_taught(clips, of_protocol, classes)
    }
    return ProtocolPredictions(
        clip_ids=list(fold.index),
        fold=fold.to_numpy(),
        resampled=ordered["player" if protocol in PLAYERS else "passage"].to_numpy(dtype=str),
        excerpt=ordered["excerpt"].to_numpy(dtype=str),
        names=names,
        rated=ordered[list(names)].to_numpy(dtype=float),
        models=models,
        predicted=np.stack([by_model[model][list(names)].to_numpy(dtype=float) for model in models]),
        told=told,
    )


def _are_taught(clips: pd.DataFrame, folds: pd.DataFrame, classes: Sequence[str]) -> bool:
    """Whether every class that a fold asks for is among those that its training part shows."""
    fold = folds.set_index("clip_id")["fold"].reindex(clips["clip_id"]).to_numpy()
    true = clips[list(classes)].to_numpy().argmax(axis=1)
    return all(
        set(true[fold == number]) <= set(true[(fold != number) & (fold != NO_FOLD)])
        for number in np.unique(fold[fold >= 0])
    )


def _refuse(offenders: object, source: str, expected: str, found: str) -> None:
    names = sorted(map(str, offenders))
    if names:
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        raise DataError(
            f"{source}: expected {expected}, found {found}: {', '.join(names[:5])}{more}; "
            "run the stage that makes the file again"
        )
