"""How far off a rating may be: intervals that hold a stated share of new clips, by conformal prediction.

An interval is ``rating ± half width``, a half width for each dimension, measured on clips that the network had not
learned from. Clips of one passage resemble each other, so passages are what is exchangeable, not clips: every group
weighs the same, and a group that is still to come weighs as much as one that was seen.

Lee, Y., Barber, R. F., Willett, R. Distribution-free inference with hierarchical data, arXiv 2306.06342, section 3;
Vovk et al., *Algorithmic Learning in a Random World*, 2005.
"""

import numpy as np

from crescendai.errors import DataError


def half_widths(error: np.ndarray, groups: np.ndarray, coverage: float) -> np.ndarray:
    """Half the width of each dimension's interval: the weighted ``coverage`` quantile of ``|error|``.

    A clip weighs ``1 / ((G + 1) n_g)`` among ``G`` groups, its own with ``n_g`` clips; the weight that is missing to
    1 stands for errors without limit.

    error: ``[b, k]`` out of fold, NaN where a clip is not rated. groups: ``[b]``. coverage: 0 to 1.

    Raises:
        DataError: so few groups that no finite interval holds that share.
    """
    return np.array([_half_width(np.abs(column), groups, coverage) for column in error.T])


def out_of_fold_coverage(
    error: np.ndarray, groups: np.ndarray, fold: np.ndarray, coverage: float
) -> tuple[np.ndarray, np.ndarray]:
    """Share of ratings that lie in an interval measured on the other folds.

    fold: ``[b]``; a group is in one fold.

    Returns:
        ``[k]`` the mean over groups of a group's share, which is what `half_widths` promises; and ``[k]`` the share of
        all clips, in which groups with many clips count for more.

    Raises:
        DataError: see `half_widths`.
    """
    inside = np.full(error.shape, np.nan)
    for number in np.unique(fold):
        own = fold == number
        inside[own] = np.abs(error[own]) <= half_widths(error[~own], groups[~own], coverage)
    inside[np.isnan(error)] = np.nan
    of_group = np.stack([_mean_of_known(inside[groups == group]) for group in np.unique(groups)])
    return _mean_of_known(of_group), _mean_of_known(inside)


def enough_groups(groups: np.ndarray, fold: np.ndarray, coverage: float) -> bool:
    """Whether the other folds of every fold have groups enough for finite intervals."""
    fewest = min(len(np.unique(groups[fold != number])) for number in np.unique(fold))
    return fewest >= fewest_groups(coverage)


def fewest_groups(coverage: float) -> int:
    """Groups that a finite interval takes: ``G / (G + 1) >= coverage``."""
    return int(np.ceil(coverage / (1.0 - coverage) - 1e-9))


def _mean_of_known(values: np.ndarray) -> np.ndarray:
    """Column by column, NaN where nothing is known."""
    count = (~np.isnan(values)).sum(axis=0)
    return np.where(count > 0, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)


def _half_width(size: np.ndarray, groups: np.ndarray, coverage: float) -> float:
    known = ~np.isnan(size)
    size, names = size[known], groups[known]
    _, of, count = np.unique(names, return_inverse=True, return_counts=True)
    order = np.argsort(size, kind="stable")
    reached = np.cumsum((1.0 / ((len(count) + 1) * count[of]))[order])
    enough = np.flatnonzero(reached >= coverage - 1e-12)
    if not len(enough):
        raise DataError(
            f"intervals: expected at least {fewest_groups(coverage)} groups of clips for a coverage of "
            f"{coverage:g}, found {len(count)}; lower evaluate.coverage or add data"
        )
    return float(size[order][enough[0]])
