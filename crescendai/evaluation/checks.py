"""Scores of the main network where it was taught otherwise: on fewer clips, or on ratings of other clips."""

from collections.abc import Sequence

import pandas as pd

from crescendai.evaluation.bootstrap import group_bootstrap_r2, percentile_interval
from crescendai.evaluation.missing import evaluate_known


def score_checks(
    predictions: pd.DataFrame, clips: pd.DataFrame, resampled: pd.Series, names: Sequence[str], num_samples: int,
    confidence: float, seed: int,
) -> dict[str, dict[str, float]]:  # fmt: skip
    """R² out of fold of every check.

    predictions: the table of stage finetune: check, num_clips, clip_id, fold, a column a target.
    clips: clip_id, a column a target. resampled: what the bootstrap draws together, by clip_id.
    names: of the targets that are scored.

    Returns:
        check -> ``num_clips`` that taught, the mean over folds, and ``r2`` with its interval.
    """
    rated_by_clip, scores = clips.set_index("clip_id"), {}
    for check, own in predictions.groupby("check", sort=False):
        values = rated_by_clip.loc[own["clip_id"], list(names)].to_numpy(float)
        predicted, groups = own[list(names)].to_numpy(float), resampled[own["clip_id"]].to_numpy(str)
        samples = group_bootstrap_r2(values, predicted[None], groups, num_samples, seed)[0].mean(axis=1)
        low, high = percentile_interval(samples, confidence)
        scores[check] = {
            "num_clips": float(own.groupby("fold")["num_clips"].first().mean()),
            "r2": float(evaluate_known(values, predicted)["r2"].mean()), "r2_low": float(low), "r2_high": float(high),
        }  # fmt: skip
    return scores
