"""Agreement of predicted with rated dimensions.

Conventions
-----------
Ratings and predictions are ``[b, k]`` arrays, clip × dimension, with the same clips in the same
order. Every metric looks at one dimension at a time and returns ``[k]``; a single number is the
plain mean over dimensions. No metric depends on the order of the clips.

- Ratings or predictions that are NaN or infinite, and shapes that differ, are errors.
- A dimension whose ratings are all equal has no R² and no correlation: an error.
- A constant prediction has no correlation either, but is a legitimate (bad) model: it scores 0 in
  Pearson, Spearman and, by its own formula, CCC.
- ``r2`` pools the out-of-fold predictions of all folds and asks how much better they are than the
  one mean of all ratings. ``r2_folds`` takes R² within each fold, against that fold's own mean, and
  averages over folds: usually lower, since differences between folds then count for nothing.
- A model that predicts its training part's mean scores slightly below 0 in pooled R² and in
  correlation: a fold rated above the others leaves a lower mean for its training part.
"""

import numpy as np
from scipy.stats import rankdata

from crescendai.errors import DataError

METRIC_NAMES = ("r2", "pearson", "spearman", "ccc", "mae")
_EQUAL = 1e-12  # a spread below this part of the magnitude is rounding


def validate(rated: np.ndarray, predicted: np.ndarray) -> None:
    """Refuses what cannot be scored.

    Raises:
        DataError: other shapes than two equal ``[b, k]`` with two clips at least, a value that is
            not finite, or a dimension whose ratings are all equal.
    """
    if rated.ndim != 2 or rated.shape != predicted.shape:
        raise DataError(
            f"metrics: expected ratings and predictions of one shape [clip, dimension], found {rated.shape} "
            f"and {predicted.shape}; align them by clip first"
        )
    if len(rated) < 2:
        raise DataError(f"metrics: expected at least 2 clips, found {len(rated)}; use fewer folds")
    for name, values in (("ratings", rated), ("predictions", predicted)):
        if not np.isfinite(values).all():
            clip, dimension = np.argwhere(~np.isfinite(values))[0]
            raise DataError(
                f"metrics: expected finite {name}, found {values[clip, dimension]} at clip {clip}, "
                f"dimension {dimension}; find out where it comes from, it is never skipped"
            )
    if (constant := _is_constant(rated)).any():
        raise DataError(
            f"metrics: expected ratings that differ between clips, found all {len(rated)} equal in dimension "
            f"{np.flatnonzero(constant)[0]}; use fewer folds or more data"
        )


def r2(rated: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Coefficient of determination, ``1 − Σ(y − p)² / Σ(y − ȳ)²``; 1 is perfect, no lower bound."""
    return 1 - np.sum((rated - predicted) ** 2, axis=0) / np.sum((rated - rated.mean(axis=0)) ** 2, axis=0)


def pearson(rated: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Product-moment correlation in [−1, 1]; 0 where either side is constant."""
    constant = _is_constant(rated) | _is_constant(predicted)
    y, p = rated - rated.mean(axis=0), predicted - predicted.mean(axis=0)
    norms = np.sqrt(np.sum(y**2, axis=0) * np.sum(p**2, axis=0))
    # Rounding can pass 1 by an ulp.
    return np.clip(np.where(constant, 0.0, np.sum(y * p, axis=0) / np.where(constant, 1.0, norms)), -1, 1)


def spearman(rated: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Pearson correlation of the ranks, ties sharing their mean rank; 0 where a side is constant."""
    return pearson(rankdata(rated, axis=0), rankdata(predicted, axis=0))


def ccc(rated: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Concordance correlation, ``2 s_yp / (s_y² + s_p² + (ȳ − p̄)²)``, with variances over n.

    Lin, L. I.-K. (1989). A concordance correlation coefficient to evaluate reproducibility.
    Biometrics 45, 255-268. Unlike Pearson it also punishes a wrong scale or offset.
    """
    y, p = rated - rated.mean(axis=0), predicted - predicted.mean(axis=0)
    offset = rated.mean(axis=0) - predicted.mean(axis=0)
    return 2 * np.mean(y * p, axis=0) / (np.mean(y**2, axis=0) + np.mean(p**2, axis=0) + offset**2)


def mae(rated: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Mean absolute error, in units of the rating (0 to 1)."""
    return np.mean(np.abs(rated - predicted), axis=0)


def evaluate_dimensions(rated: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """All metrics of `METRIC_NAMES`, ``[k]`` each.

    Raises:
        DataError: see `validate`.
    """
    validate(rated, predicted)
    functions = (r2, pearson, spearman, ccc, mae)
    return {name: function(rated, predicted) for name, function in zip(METRIC_NAMES, functions, strict=True)}


def r2_folds(rated: np.ndarray, predicted: np.ndarray, fold: np.ndarray) -> float:
    """Mean over folds of the R² within a fold, which is the mean over its dimensions.

    fold: ``[b]`` the fold each clip was predicted in.

    Raises:
        DataError: see `validate`; also for a fold too small to have an R².
    """
    scores = []
    for number in np.unique(fold):
        inside = fold == number
        try:
            validate(rated[inside], predicted[inside])
        except DataError as error:
            raise DataError(f"fold {number}: {error}") from error
        scores.append(r2(rated[inside], predicted[inside]).mean())
    return float(np.mean(scores))


def _is_constant(values: np.ndarray) -> np.ndarray:
    return np.ptp(values, axis=0) <= _EQUAL * np.abs(values).max(axis=0)
