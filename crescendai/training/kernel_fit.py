"""The kernel beside a network's head, see `crescendai.models.kernel`: solved for in one go, from a frozen encoder."""

from collections.abc import Mapping

import numpy as np
from scipy.linalg import solve_triangular

from crescendai.models.descriptors import DescriptorScale
from crescendai.models.hearing import HEARD, HEARD_HARMONY
from crescendai.models.hybrid import HybridTransformer
from crescendai.models.kernel import features_of, matern
from crescendai.models.prediction import mean_states
from crescendai.training.clips import RatedClips
from crescendai.training.encoded import EncodedWindows

ROUNDING = 1e-3  # a deviation this small against the mean is lost in a file of float16, and says nothing
SAME = 1e-4  # added to the kernel's diagonal: two clips may be one recording, and float32 rounds


def with_kernel(
    network: HybridTransformer, clips: RatedClips, encoded: EncodedWindows, chosen: np.ndarray, scale: DescriptorScale,
    weight: float, length_scale: float, penalty: float, shares: Mapping[str, float],
) -> tuple[HybridTransformer, dict[str, dict]]:  # fmt: skip
    """The network with a kernel beside it, and the parameters that it has more; as it was where ``weight`` is 0.

    weight: of the kernel's rating, 0 to 1. shares: as of `descriptor_shares`. Other arguments as of `fit_kernel`.
    """
    if not weight:
        return network, {}
    network = network.clone(kernel_clips=len(chosen), kernel_weight=weight, kernel_length_scale=length_scale)
    share = descriptor_shares(scale.names, shares)
    return network, {"kernel": fit_kernel(clips, encoded, chosen, scale, length_scale, penalty, share)}


def descriptor_shares(names: tuple[str, ...], shares: Mapping[str, float]) -> np.ndarray:
    """The part that each descriptor has in the distance of two clips: ``[m]``, see `features_of`.

    shares: of four families, in proportion: ``pooled``, what the network says of a clip without names; descriptors of
        the ``sound``; of how it was ``played``, with texture; and of its ``harmony`` (`crescendai.midi.harmony`). A
        family's share is that of all its members together; one without members has none.
    """
    family = np.array(["harmony" if name in HEARD_HARMONY else "played" if name.startswith(HEARD) else "sound"
                       for name in names])  # fmt: skip
    members = {name: max(int((family == name).sum()), 1) for name in shares}
    total = sum(share for name, share in shares.items() if name == "pooled" or (family == name).any())
    return np.array([shares[name] / members[name] for name in family]) / total


def fit_kernel(
    clips: RatedClips, encoded: EncodedWindows, chosen: np.ndarray, scale: DescriptorScale, length_scale: float,
    penalty: float, share: np.ndarray,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Parameters of `crescendai.models.kernel.KernelRidge`, float32, from the clips at ``chosen``.

    The kernel compares with the clips' means, over their instruments. What is fitted is its rating of every recording,
    since it will be asked about one piano: that lies further from all means than the clip's own does, and a kernel that
    had seen nothing but means would lean to the mean rating.

    scale: of the descriptors, over the same clips. length_scale: as of `KernelRidge`.
    penalty: of the kernel's rating function, its squared norm ``a^T K a``; a clip's squared error, the mean over its
        recordings, counts 1.
    share: ``[m]`` of the descriptors, as of `features_of`.
    """
    rows = clips.rows(chosen)
    windows = [encoded.of_recording[row] for row in rows]
    pooled = mean_states(encoded.pooled[np.concatenate(windows)], np.array([len(own) for own in windows]))
    mean, std = pooled.mean(axis=0), pooled.std(axis=0)
    std = np.where(std > ROUNDING * (1.0 + np.abs(mean)), std, np.inf)
    described = scale.apply(clips.descriptors[rows])
    recordings = np.array([len(clips.recordings[clip]) for clip in chosen])
    asked = np.asarray(features_of(pooled, described, mean, std, share))
    rated = mean_states(asked, recordings)
    coefficients, bias = solve_kernel(
        np.asarray(matern(asked, rated, length_scale)), np.asarray(matern(rated, rated, length_scale)),
        np.repeat(clips.ratings[chosen], recordings, axis=0), penalty, np.repeat(1.0 / recordings, recordings),
    )  # fmt: skip
    values = {"mean": mean, "std": std, "share": share, "clips": rated, "coefficients": coefficients, "bias": bias}
    return {name: value.astype(np.float32) for name, value in values.items()}


def solve_kernel(
    alike: np.ndarray, kernel: np.ndarray, ratings: np.ndarray, penalty: float, weight: np.ndarray | float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """``a, b`` that minimise ``sum w (y - F a - b)^2 + penalty a^T K a``; the intercept ``b`` is not penalised.

    ``K`` is taken with `SAME` on its diagonal. With ``K = L L^T`` and ``a = L^-T u`` this is ridge regression of ``y``
    on ``F L^-T``, with coefficients ``u``.

    alike: ``F``, ``[n, m]``, what each recording has in common with the clips that are compared with. kernel: ``K``,
        ``[m, m]``.
    ratings: ``[n, k]``; a recording without one of them (NaN) has no part in the error, but its clip is compared with.
    weight: ``w``, ``[n]`` or the same for all.

    Returns:
        ``[m, k]`` and ``[k]``, float64.
    """
    root = np.linalg.cholesky(kernel.astype(np.float64) + SAME * np.eye(len(kernel)))
    features = solve_triangular(root, alike.T.astype(np.float64), lower=True).T
    coefficients, bias = np.zeros((len(kernel), ratings.shape[1])), np.zeros(ratings.shape[1])
    known, weight = np.isfinite(ratings), np.broadcast_to(weight, len(ratings))
    for pattern in np.unique(known, axis=1).T:  # targets that the same clips have are solved for together
        columns = np.flatnonzero((known == pattern[:, None]).all(axis=0))
        x, y, w = features[pattern], ratings[pattern][:, columns], weight[pattern]
        of_x, of_y = np.average(x, axis=0, weights=w), np.average(y, axis=0, weights=w)
        weighted = (x - of_x).T * w
        penalised = weighted @ (x - of_x) + penalty * np.eye(x.shape[1])
        coefficients[:, columns] = np.linalg.solve(penalised, weighted @ (y - of_y))
        bias[columns] = of_y - of_x @ coefficients[:, columns]
    return solve_triangular(root.T, coefficients), bias
