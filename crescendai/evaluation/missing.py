"""Scores where some ratings are missing: every dimension on the clips that it is rated of.

Where nothing is missing these are the scores of `crescendai.evaluation.metrics`, to the last bit.
"""

import numpy as np

from crescendai.datasets.targets import same_rows
from crescendai.errors import DataError
from crescendai.evaluation.metrics import METRIC_NAMES, evaluate_dimensions, r2, r2_folds, validate


def evaluate_known(rated: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """As `evaluate_dimensions`, over the ratings that are not NaN.

    Raises:
        DataError: see `crescendai.evaluation.metrics.validate`.
    """
    scores = {name: np.full(rated.shape[1], np.nan) for name in METRIC_NAMES}
    for rows, columns in same_rows(rated):
        for name, values in evaluate_dimensions(rated[rows][:, columns], predicted[rows][:, columns]).items():
            scores[name][columns] = values
    return scores


def r2_within_folds(rated: np.ndarray, predicted: np.ndarray, fold: np.ndarray) -> float | None:
    """As `r2_folds`, over the folds and dimensions that have an R²: those with two different ratings or more.

    Returns:
        None where no fold has any, as where a fold is one piano that has one score.
    """
    if not np.isnan(rated).any() and all(_has_spread(rated[fold == number]) for number in np.unique(fold)):
        return r2_folds(rated, predicted, fold)
    scores = []
    for number in np.unique(fold):
        for y, p in zip(rated[fold == number].T, predicted[fold == number].T, strict=True):
            known = ~np.isnan(y)
            if _has_spread(y[known, None]):
                scores.append(r2(y[known, None], p[known, None])[0])
    return float(np.mean(scores)) if scores else None


def _has_spread(rated: np.ndarray) -> bool:
    try:
        validate(rated, rated)
    except DataError:
        return False
    return True
