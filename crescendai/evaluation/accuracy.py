"""How often clips are told apart: the share of right classes, with its interval."""

import numpy as np

from crescendai.evaluation.bootstrap import draw_groups, percentile_interval
from crescendai.evaluation.predictions import ProtocolPredictions


def score_classes(
    block: ProtocolPredictions, num_samples: int, confidence: float, seed: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Accuracy of every model by what is told apart.

    The interval is from resampled groups, ``Σ_g w_g right_g / Σ_g w_g n_g``, as for R²
    (`crescendai.evaluation.bootstrap`).

    Returns:
        model -> what -> ``accuracy``, its ends, and ``chance``: the share of the commonest class.
    """
    group = np.unique(block.resampled, return_inverse=True)[1]
    num_groups = group.max() + 1
    weights = draw_groups(num_groups, num_samples, seed)
    total = weights @ np.bincount(group)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for what, told in block.told.items():
        chance = np.bincount(told.true).max() / len(told.true)
        for model, predicted in zip(block.models, told.predicted, strict=True):
            right = predicted == told.true
            low, high = percentile_interval(weights @ np.bincount(group, right) / total, confidence)
            found.setdefault(model, {})[what] = {
                "accuracy": float(right.mean()), "low": float(low), "high": float(high), "chance": float(chance),
            }  # fmt: skip
    return found
