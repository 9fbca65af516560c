"""The kernel beside a network's head, see `crescendai.models.kernel`: solved for in one go, from a frozen encoder."""

import numpy as np

from crescendai.models.descriptors import DescriptorScale
from crescendai.models.hybrid import HybridTransformer
from crescendai.models.kernel import features_of, matern
from crescendai.training.clips import RatedClips
from crescendai.training.encoded import EncodedWindows

ROUNDING = 1e-3  # a deviation this small against the mean is lost in a file of float16, and says nothing


def with_kernel(
    network: HybridTransformer, clips: RatedClips, encoded: EncodedWindows, chosen: np.ndarray, scale: DescriptorScale,
    weight: float, length_scale: float, penalty: float,
) -> tuple[HybridTransformer, dict[str, dict]]:  # fmt: skip
    """The network with a kernel beside it, and the parameters that it has more; as it was where ``weight`` is 0.

    weight: of the kernel's rating, 0 to 1. Other arguments as of `fit_kernel`.
    """
    if not weight:
        return network, {}
    network = network.clone(kernel_clips=len(chosen), kernel_weight=weight, kernel_length_scale=length_scale)
    return network, {"kernel": fit_kernel(clips, encoded, chosen, scale, length_scale, penalty)}


def fit_kernel(
    clips: RatedClips, encoded: EncodedWindows, chosen: np.ndarray, scale: DescriptorScale, length_scale: float,
    penalty: float,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Parameters of `crescendai.models.kernel.KernelRidge`, float32, from the clips at ``chosen``.

    A clip is the mean over its instruments, and an instrument's sound the mean over its windows. A network is asked
    about one window of one instrument, which lies further from all of them: its kernel leans to the mean rating.

    scale: of the descriptors, over the same clips. length_scale: as of `KernelRidge`.
    penalty: of the coefficients, ``a^T K a``; added to the kernel's diagonal, which is 1.
    """
    rows = clips.rows(chosen)
    pooled = np.stack([encoded.pooled[encoded.of_recording[row]].mean(axis=0) for row in rows])
    mean, std = pooled.mean(axis=0), pooled.std(axis=0)
    std = np.where(std > ROUNDING * (1.0 + np.abs(mean)), std, np.inf)
    features = np.asarray(features_of(pooled, scale.apply(clips.descriptors[rows]), mean, std))
    ends = np.cumsum([len(clips.recordings[clip]) for clip in chosen])
    of_clips = np.stack([own.mean(axis=0) for own in np.split(features, ends[:-1])])
    kernel = np.asarray(matern(of_clips, of_clips, length_scale))
    coefficients, bias = solve_ridge(kernel, clips.ratings[chosen], penalty)
    values = {"mean": mean, "std": std, "clips": of_clips, "coefficients": coefficients, "bias": bias}
    return {name: value.astype(np.float32) for name, value in values.items()}


def solve_ridge(kernel: np.ndarray, ratings: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """``a, b`` that minimise ``|y - K a - b|^2 + penalty a^T K a``; the intercept ``b`` is not penalised.

    Then ``(K + penalty I) a = y - b`` and ``sum(a) = 0``.

    kernel: ``[n, n]``. ratings: ``[n, k]``; a clip without one of them (NaN) has no say in it, and coefficient 0.

    Returns:
        ``[n, k]`` and ``[k]``, float64.
    """
    coefficients, bias = np.zeros(ratings.shape), np.zeros(ratings.shape[1])
    known = np.isfinite(ratings)
    for pattern in np.unique(known, axis=1).T:  # targets that the same clips have are solved for together
        columns, rows = np.flatnonzero((known == pattern[:, None]).all(axis=0)), np.flatnonzero(pattern)
        penalised = kernel[np.ix_(rows, rows)].astype(np.float64) + penalty * np.eye(len(rows))
        right = np.column_stack([ratings[np.ix_(rows, columns)], np.ones(len(rows))])
        solved = np.linalg.solve(penalised, right)
        of_ratings, of_ones = solved[:, :-1], solved[:, -1]
        bias[columns] = of_ratings.sum(axis=0) / of_ones.sum()
        coefficients[np.ix_(rows, columns)] = of_ratings - np.outer(of_ones, bias[columns])
    return coefficients, bias
