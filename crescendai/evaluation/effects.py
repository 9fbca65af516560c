"""How much a change of the playing moves the ratings, with an interval over music."""

from collections.abc import Sequence

import numpy as np

from crescendai.evaluation.bootstrap import draw_groups, percentile_interval, sum_by_group


def mean_effects(
    change: np.ndarray, groups: Sequence[str], num_samples: int, confidence: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean change of each dimension and its interval, from resampled groups.

    change: ``[b, k]`` rating of the changed clip minus that of the clip as it was played. groups: ``[b]``.

    Returns:
        mean, lower and upper end ``[k]``.

    Source: Davison & Hinkley, *Bootstrap Methods and their Application*, 1997, section 3.8.
    """
    _, of, count = np.unique(np.asarray(groups, str), return_inverse=True, return_counts=True)
    drawn = draw_groups(len(count), num_samples, seed)
    low, high = percentile_interval((drawn @ sum_by_group(change, of)) / (drawn @ count)[:, None], confidence)
    return change.mean(axis=0), low, high
