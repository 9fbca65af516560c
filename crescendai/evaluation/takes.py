"""Takes of the same music: does a model say how they differ, and which of two lies higher?

R² and r over all clips may come from telling pieces apart. Who compares two performances of one passage asks
something else, so here the mean over an excerpt's takes is taken out of ratings and predictions alike:

- r between takes: ``Σ y p / √(Σ y² Σ p²)`` of what is left, over the takes of all excerpts;
- pairs in order: of the pairs of takes whose mean ratings differ, the share that a model orders as its listeners did.
  0.5 is chance, and equal predictions are half right.

Ratings are means of a few answers, so even a perfect model orders some pairs the other way. What one listener
does is the measure: `listener_order`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from crescendai.evaluation.bootstrap import draw_groups, percentile_interval, sum_by_group
from crescendai.evaluation.predictions import ProtocolPredictions


class Pairs(NamedTuple):
    """Every two takes of an excerpt, as positions of their clips, ``[n]`` each."""

    first: np.ndarray
    second: np.ndarray


def score_takes(
    block: ProtocolPredictions, num_samples: int, confidence: float, seed: int
) -> dict[str, dict[str, float]]:
    """Every model's ``pearson`` and ``pairs_in_order`` between takes, means over dimensions, with their ends from
    resampled groups (`crescendai.evaluation.bootstrap`), and ``num_pairs``.

    Empty where takes of an excerpt lie in several folds and so are rated by several networks (as with players), or
    where there are no two takes of anything.
    """
    pairs = pairs_of(block.excerpt)
    if not len(pairs.first) or (block.fold[pairs.first] != block.fold[pairs.second]).any():
        return {}
    group = np.unique(block.resampled, return_inverse=True)[1]
    num_groups = group.max() + 1
    draws = draw_groups(num_groups, num_samples, seed)
    weights = np.concatenate([np.ones((1, num_groups)), draws])  # the data as they are, then resamples
    rated = between_takes(block.rated, block.excerpt)
    step = block.rated[pairs.first] - block.rated[pairs.second]
    counts = weights @ sum_by_group(np.abs(np.nan_to_num(np.sign(step))), group[pairs.first], num_groups)
    found = {}
    for model, own in zip(block.models, block.predicted, strict=True):
        predicted = between_takes(np.where(np.isnan(block.rated), np.nan, own), block.excerpt)
        covariance, *variances = (
            weights @ sum_by_group(np.nan_to_num(a * b), group, num_groups)
            for a, b in ((rated, predicted), (rated, rated), (predicted, predicted))
        )
        # A model that knows only the music rates all takes alike: no correlation, 0.
        r = covariance / np.sqrt(np.maximum(variances[0] * variances[1], 1e-30))
        right = in_order(step, own[pairs.first] - own[pairs.second])
        ordered = weights @ sum_by_group(right, group[pairs.first], num_groups) / np.where(counts > 0, counts, np.nan)
        found[model] = {"num_pairs": len(pairs.first)}
        for name, values in (("pearson", r), ("pairs_in_order", ordered)):
            means = np.nanmean(values, axis=1)
            low, high = percentile_interval(means[1:], confidence)
            found[model] |= {name: float(means[0]) + 0.0, f"{name}_low": float(low), f"{name}_high": float(high)}
    return found


def listener_order(ratings: pd.DataFrame, excerpt_of: Mapping[str, str], names: tuple[str, ...]) -> float | None:
    """What a listener does with two takes: the share of pairs that one orders as the mean of the others does.

    Means over dimensions. A listener's equal answers are half right; pairs that the others leave equal do not count.

    ratings: columns clip_id, rater and ``names``. excerpt_of: of every clip.

    Returns:
        None where no listener heard two takes of anything, beside others.
    """
    names = list(names)
    answers = ratings.groupby(["clip_id", "rater"], sort=True)[names].agg(["sum", "count"])
    own_sum, own_count = (answers.xs(what, axis=1, level=1) for what in ("sum", "count"))
    others_sum, others_count = (table.groupby("clip_id").transform("sum") - table for table in (own_sum, own_count))
    own, others = own_sum / own_count.where(own_count > 0), others_sum / others_count.where(others_count > 0)
    excerpt = own.index.get_level_values("clip_id").map(excerpt_of).to_numpy(dtype=str)
    pairs = pairs_of(np.char.add(np.char.add(excerpt, "\n"), own.index.get_level_values("rater").to_numpy(dtype=str)))
    own, others = own.to_numpy(), others.to_numpy()
    step = others[pairs.first] - others[pairs.second]
    taken = own[pairs.first] - own[pairs.second]
    step = np.where(np.isnan(taken), np.nan, step)
    counts = (np.nan_to_num(step) != 0).sum(axis=0)
    if not counts.all():
        return None
    return float((in_order(step, taken).sum(axis=0) / counts).mean())


def pairs_of(group: np.ndarray) -> Pairs:
    """Every two positions of the same group, the lower one first. group: ``[b]``."""
    order = np.argsort(group, kind="stable")
    bounds = np.flatnonzero(np.diff(np.unique(group, return_inverse=True)[1][order])) + 1
    first, second = [], []
    for members in np.split(order, bounds):
        one, other = np.triu_indices(len(members), 1)
        first.append(members[one])
        second.append(members[other])
    return Pairs(np.concatenate(first), np.concatenate(second))


def between_takes(values: np.ndarray, excerpt: np.ndarray) -> np.ndarray:
    """``[b, k]`` without the mean over each excerpt's takes; NaN where there is no value."""
    table = pd.DataFrame(values)
    return (table - table.groupby(excerpt).transform("mean")).to_numpy()


def in_order(step: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """1 where a predicted step goes the way of the true one, 0.5 where it is none, else 0; 0 where the true one is
    none, or unknown, and so counts in no sum."""
    way = np.sign(np.nan_to_num(step))
    return np.where(way == 0, 0.0, (1 + way * np.sign(np.nan_to_num(predicted))) / 2)
