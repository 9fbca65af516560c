"""How well listeners agree, hence how well any model can do: the noise ceiling.

A clip's rating is the mean of a few listeners' answers, so part of it is chance that no model can
know. In the one-way random effects model (Shrout & Fleiss 1979, case 1; McGraw & Wong 1996, table 4)
answer j to clip i is ``y_ij = μ + c_i + e_ij`` with variances ``σ_c²`` and ``σ_e²``. Even the perfect
prediction ``μ + c_i`` of a mean of ``k_i`` answers leaves the error ``σ_e² / k_i``. R² counts every
clip once, whatever its ``k_i``, so the best R² that can be expected is

    reliability = σ_c² / (σ_c² + σ_e² · mean(1/k_i))

and the best Pearson correlation its root. With equal ``k`` this is ICC(1, k) = 1 − MS_within/MS_between.
With unequal ``k`` that textbook shortcut is too high, since well-rated clips dominate it (0.796 for
PercePiano instead of 0.754); the harmonic mean of ``k`` that stands above is what a mean over clips asks for.

What the model does not know, and how far it matters for PercePiano:

- It takes every row for an independent listener. PercePiano's table holds 2,200 rows twice (five
  raters, about 4,900 rows apart) and 1,400 real second answers of one rater to one clip, all of which
  enter its mean ratings. `NoiseCeiling.r2_distinct_raters` takes the rater for the unit, the mean
  rating as it is, and no equal variances: 0.734.
- It takes a rater's constant severity (14 % of ``σ_e²``) for noise. As far as the same raters heard
  the clips that are compared, it is not, and the ceiling is up to 0.03 higher.

So 0.754 lies between a stricter and a laxer reading: good to a few hundredths, not to the last digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crescendai.errors import DataError
from crescendai.evaluation.metrics import pearson

MIN_CLIPS_PER_RATER = 5  # fewer give no correlation worth averaging


@dataclass(frozen=True)
class NoiseCeiling:
    """The best that can be expected of a model, and what a single listener does; ``[k]`` each."""

    r2: np.ndarray  # reliability of the mean rating, in [0, 1]
    r2_distinct_raters: np.ndarray  # the same, counting a rater's repeated answers as one listener
    single_rater_pearson: np.ndarray  # correlation of one rater with the mean of the others

    @property
    def pearson(self) -> np.ndarray:
        """Best correlation with the mean rating: the root of the reliability."""
        return np.sqrt(self.r2)


def noise_ceiling(clip_ids: Sequence[str], raters: Sequence[str], answers: np.ndarray) -> NoiseCeiling:
    """The noise ceiling of mean ratings, from the single ratings behind them.

    clip_ids, raters: ``[r]`` of every single rating.
    answers: ``[r, k]`` answers, NaN where there is none.

    Raises:
        DataError: lengths that differ, or too few answers to tell clips from chance.
    """
    if answers.ndim != 2 or not len(clip_ids) == len(raters) == len(answers):
        raise DataError(
            f"ratings: expected as many clips and raters as rows [rating, dimension], found {len(clip_ids)}, "
            f"{len(raters)} and {answers.shape}; read them from one table"
        )
    clip = np.unique(np.asarray(clip_ids, dtype=str), return_inverse=True)[1]
    rater = np.unique(np.asarray(raters, dtype=str), return_inverse=True)[1]
    r2, distinct, single = [], [], []
    for dimension, column in enumerate(answers.T):
        given = ~np.isnan(column)
        if len(np.unique(clip[given])) < 2 or np.bincount(clip[given]).max() < 2:
            raise DataError(
                f"ratings: dimension {dimension}: expected two clips and a clip with two answers at least, "
                "found fewer; a noise ceiling needs several raters"
            )
        r2.append(mean_reliability(clip[given], column[given]))
        own = _rater_means(clip[given], rater[given], column[given])
        distinct.append(_distinct_rater_reliability(*own))
        single.append(_single_rater_pearson(*own))
    return NoiseCeiling(np.array(r2), np.array(distinct), np.array(single))


def ceiling_where_known(clip_ids: Sequence[str], raters: Sequence[str], answers: np.ndarray) -> NoiseCeiling:
    """As `noise_ceiling`, with NaN for the dimensions that too few raters answered, instead of an error."""
    clip, rater = np.asarray(clip_ids, dtype=str), np.asarray(raters, dtype=str)
    known = [dim for dim, column in enumerate(answers.T) if _is_enough(clip, rater, ~np.isnan(column))]
    found = np.full((3, answers.shape[1]), np.nan)
    if known:
        ceiling = noise_ceiling(clip, rater, answers[:, known])
        found[:, known] = ceiling.r2, ceiling.r2_distinct_raters, ceiling.single_rater_pearson
    return NoiseCeiling(*found)


def _is_enough(clip: np.ndarray, rater: np.ndarray, given: np.ndarray) -> bool:
    """Whether a dimension has two clips, and a rater of enough clips that others rated too."""
    raters_of = pd.DataFrame({"clip": clip[given], "rater": rater[given]}).drop_duplicates()
    shared = raters_of[raters_of.groupby("clip")["rater"].transform("size") > 1]
    return raters_of["clip"].nunique() > 1 and shared.groupby("rater").size().max() >= MIN_CLIPS_PER_RATER


def variance_components(clip: np.ndarray, answer: np.ndarray) -> tuple[float, float]:
    """Variances between clips and within them, by one-way analysis of variance with unequal groups.

    ``σ_e² = MS_within``, ``σ_c² = (MS_between − MS_within) / k_0`` with
    ``k_0 = (N − Σk_i²/N) / (n − 1)``. A negative estimate of ``σ_c²`` is 0.

    clip: ``[r]`` number of the clip; answer: ``[r]`` without NaN.

    Returns:
        ``σ_c²``, ``σ_e²``.
    """
    clip = np.unique(clip, return_inverse=True)[1]
    count = np.bincount(clip).astype(float)
    total, n_clips = count.sum(), len(count)
    means = np.bincount(clip, answer) / count
    within = np.sum((answer - means[clip]) ** 2) / (total - n_clips)
    between = np.sum(count * (means - answer.mean()) ** 2) / (n_clips - 1)
    k_0 = (total - np.sum(count**2) / total) / (n_clips - 1)
    return max((between - within) / k_0, 0.0), within


def mean_reliability(clip: np.ndarray, answer: np.ndarray) -> float:
    """Reliability of the clip means in [0, 1], see the head of this file; arguments as above."""
    signal, noise = variance_components(clip, answer)
    count = np.unique(clip, return_counts=True)[1]
    mean_noise = noise * np.mean(1 / count)
    return float(signal / (signal + mean_noise)) if signal > 0 else 0.0


def _rater_means(clip: np.ndarray, rater: np.ndarray, answer: np.ndarray) -> tuple[np.ndarray, ...]:
    """One row a (clip, rater): clip, rater, mean answer, number of answers."""
    n_raters = rater.max() + 1
    pair, row = np.unique(clip * n_raters + rater, return_inverse=True)
    count = np.bincount(row)
    return pair // n_raters, pair % n_raters, np.bincount(row, answer) / count, count


def _distinct_rater_reliability(
    clip: np.ndarray, rater: np.ndarray, mean: np.ndarray, count: np.ndarray
) -> float:
    """``1 − mean noise / variance of the mean ratings``, over clips with two raters at least.

    With ``w_r`` a rater's share of a clip's answers, the mean ``m`` of the rater means has the noise
    ``W / (1 − W) · Σ w_r (y_r − m)²``, ``W = Σ w_r²``, without bias; for equal shares it is ``s²/k``.
    """
    clip = np.unique(clip, return_inverse=True)[1]
    weight = count / np.bincount(clip, count)[clip]
    clip_mean = np.bincount(clip, weight * mean)
    spread = np.bincount(clip, weight * (mean - clip_mean[clip]) ** 2)
    concentration = np.bincount(clip, weight**2)
    several = np.bincount(clip) > 1
    if several.sum() < 2:
        return 0.0
    noise = concentration[several] / (1 - concentration[several]) * spread[several]
    variance = np.var(clip_mean[several], ddof=1)
    return float(np.clip(1 - noise.mean() / variance, 0, 1)) if variance > 0 else 0.0


def _single_rater_pearson(clip: np.ndarray, rater: np.ndarray, mean: np.ndarray, count: np.ndarray) -> float:
    """Correlation, over a rater's clips, with the mean of all others; averaged, weighted by clips.

    A rater's own answers, repeated ones too, are never among the others'.
    """
    others_count = np.bincount(clip, count)[clip] - count
    others_mean = (np.bincount(clip, count * mean)[clip] - count * mean) / np.maximum(others_count, 1)
    scores, weights = [], []
    for number in np.unique(rater):
        rows = (rater == number) & (others_count > 0)
        if rows.sum() >= MIN_CLIPS_PER_RATER:
            scores.append(pearson(mean[rows, None], others_mean[rows, None])[0])
            weights.append(rows.sum())
    if not scores:
        raise DataError(
            f"ratings: expected a rater with {MIN_CLIPS_PER_RATER} clips that others rated too, found none; "
            "add ratings"
        )
    return float(np.average(scores, weights=weights))
