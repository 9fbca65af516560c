"""How well a piano is rated by a network that was not taught on it, against one that was."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crescendai.evaluation.bootstrap import group_bootstrap_r2, percentile_interval
from crescendai.evaluation.missing import evaluate_known


def score_instruments(
    predictions: pd.DataFrame, clips: pd.DataFrame, names: Sequence[str], num_samples: int, confidence: float, seed: int
) -> dict[str, dict[str, dict[str, float]]]:
    """R² on every instrument, out of fold, of networks taught on all pianos and on the others.

    predictions: the table of stage finetune: model, instrument, taught_on (all or others), clip_id, a column a target.
    clips: clip_id, passage, a column a target. names: of the targets that are scored.

    Returns:
        model -> instrument -> ``r2_taught`` and ``r2_untaught``, with intervals over passages, and ``lost``, what not
        knowing the piano costs, likewise. Empty where no clip was heard on several pianos.
    """
    rated_by_clip = clips.set_index("clip_id")
    scores: dict[str, dict[str, dict[str, float]]] = {}
    for (model, instrument), own in predictions.groupby(["model", "instrument"], sort=False):
        taught = own[own["taught_on"] == "all"].set_index("clip_id")
        untaught = own[own["taught_on"] == "others"].set_index("clip_id").loc[taught.index]
        rated = rated_by_clip.loc[taught.index]
        values, predicted = rated[list(names)].to_numpy(float), [taught[list(names)], untaught[list(names)]]
        predicted = np.stack([table.to_numpy(float) for table in predicted])
        samples = group_bootstrap_r2(values, predicted, rated["passage"].to_numpy(str), num_samples, seed).mean(axis=2)
        r2 = [float(evaluate_known(values, one)["r2"].mean()) for one in predicted]
        scores.setdefault(model, {})[instrument] = (
            _with_interval("r2_taught", r2[0], samples[0], confidence)
            | _with_interval("r2_untaught", r2[1], samples[1], confidence)
            | _with_interval("lost", r2[0] - r2[1], samples[0] - samples[1], confidence)
        )
    return scores


def _with_interval(name: str, value: float, samples: np.ndarray, confidence: float) -> dict[str, float]:
    low, high = percentile_interval(samples, confidence)
    return {name: value, f"{name}_low": float(low), f"{name}_high": float(high)}
