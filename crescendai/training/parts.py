"""The parts that a fold divides the clips into: those that teach, those kept apart, and those held out."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from crescendai.datasets.splits import NO_FOLD
from crescendai.errors import DataError
from crescendai.training.finetuning import validation_clips


class Part(NamedTuple):
    """A fold of a protocol: positions of the clips that teach, that are kept apart, and that are held out."""

    protocol: str
    fold: int
    training: np.ndarray
    validation: np.ndarray
    held_out: np.ndarray

    @property
    def where(self) -> str:
        return f"{self.protocol}, fold {self.fold}"


def parts_of(folds: pd.DataFrame, protocol: str, clips: pd.DataFrame, fraction: float, seed: int) -> list[Part]:
    """Every fold of a protocol.

    folds: table of all protocols, see stage split. clips: columns clip_id, movement.
    fraction: of the training part that is kept apart, in whole groups.

    Raises:
        DataError: a clip has no fold, or a training part a single group.
    """
    fold_of_clip, group_of_clip = folds_of(folds, protocol, clips["clip_id"])
    movement, parts = clips["movement"].to_numpy(), []
    for fold in np.unique(fold_of_clip[fold_of_clip >= 0]):
        rest = np.flatnonzero((fold_of_clip != fold) & (fold_of_clip != NO_FOLD))
        held_out = np.flatnonzero(fold_of_clip == fold)
        part = Part(protocol, int(fold), rest, rest[:0], held_out)
        validates = validation_clips(group_of_clip[rest], movement[rest], fraction, seed, part.where)
        parts.append(part._replace(training=rest[~validates], validation=rest[validates]))
    return parts


def share_of(part: Part, group_of_clip: np.ndarray, known: np.ndarray, share: float, seed: int) -> Part:
    """The same fold with only a share of the clips that teach: whole groups, in an order drawn once, so that a
    larger share holds a smaller one. Groups are added until every target is known that all clips together know.

    group_of_clip: ``[clip]`` of the part's protocol. known: bool ``[clip, k]``, which ratings there are. share: 0 to 1.
    """
    groups, known = group_of_clip[part.training], known[part.training]
    order = np.random.default_rng([seed, part.fold]).permutation(np.unique(groups))
    for count in range(1, len(order) + 1):
        taught = np.isin(groups, order[:count])
        if taught.mean() >= share and (known[taught].any(axis=0) == known.any(axis=0)).all():
            break
    return part._replace(training=part.training[taught])


def folds_of(folds: pd.DataFrame, protocol: str, clip_ids: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Fold and group of every clip under a protocol.

    Raises:
        DataError: a clip has none.
    """
    own = folds[folds["protocol"] == protocol].set_index("clip_id").reindex(clip_ids)
    if own["fold"].isna().any():
        raise DataError(
            f"folds.parquet: expected a fold of {protocol} for each of {len(own)} clips, "
            f"found {own['fold'].notna().sum()}; run `dvc repro split`"
        )
    return own["fold"].to_numpy(int), own["group"].to_numpy(dtype=str)
