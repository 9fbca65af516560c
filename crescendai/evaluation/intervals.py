"""How far off a rating may be: intervals that hold a stated share of new clips, by conformal prediction.

An interval is ``rating ± half width``, a half width for each dimension, measured on clips that the network had not
learned from. Clips of one passage resemble each other, so passages are what is exchangeable, not clips: every group
weighs the same, however many clips it has.

This pools the groups' distributions: Dunn, R., Wasserman, L., Ramdas, A. *Distribution-free prediction sets for
two-layer hierarchical models*, arXiv 1809.07441. With many groups it holds the stated share. A group still to come may
be given a weight of its own (Lee, Barber, Willett, arXiv 2306.06342), which promises that share with few groups too,
and holds up to ``1 / (G + 1)`` of all groups more than asked for.
"""

import numpy as np

from crescendai.errors import DataError


def half_widths(error: np.ndarray, groups: np.ndarray, coverage: float) -> np.ndarray:
    """Half the width of each dimension's interval: the weighted ``coverage`` quantile of ``|error|``.

    A clip weighs ``1 / (G n_g)`` among ``G`` groups, its own with ``n_g`` clips.

    error: ``[b, k]`` out of fold, NaN where a clip is not rated. groups: ``[b]``. coverage: 0 to 1.

    Raises:
        DataError: so few groups that less than one of them is to lie outside.
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
    """Whether the other folds of every fold have groups enough to measure an interval on."""
    fewest = min(len(np.unique(groups[fold != number])) for number in np.unique(fold))
    return fewest >= fewest_groups(coverage)


def fewest_groups(coverage: float) -> int:
    """Groups that an interval takes: of one more, one is to lie outside, ``(G + 1) (1 - coverage) >= 1``."""
    return int(np.ceil(coverage / (1.0 - coverage) - 1e-9))


def _mean_of_known(values: np.ndarray) -> np.ndarray:
    """Column by column, NaN where nothing is known."""
    count = (~np.isnan(values)).sum(axis=0)
    return np.where(count > 0, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)


def _half_width(size: np.ndarray, groups: np.ndarray, coverage: float) -> float:
    known = ~np.isnan(size)
    size, names = size[known], groups[known]
    _, of, count = np.unique(names, return_inverse=True, return_counts=True)
    if len(count) < fewest_groups(coverage):
        raise DataError(
            f"intervals: expected at least {fewest_groups(coverage)} groups of clips for a coverage of "
            f"{coverage:g}, found {len(count)}; lower evaluate.coverage or add data"
        )
    order = np.argsort(size, kind="stable")
    reached = np.cumsum((1.0 / (len(count) * count[of]))[order])
    return float(size[order][np.argmax(reached >= coverage - 1e-12)])
