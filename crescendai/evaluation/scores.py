"""The rows of the result tables, computed from one protocol's aligned predictions."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from crescendai.evaluation.bootstrap import percentile_interval
from crescendai.evaluation.comparison import compare, holm
from crescendai.evaluation.metrics import pearson
from crescendai.evaluation.missing import evaluate_known, r2_within_folds
from crescendai.evaluation.predictions import ProtocolPredictions
from crescendai.evaluation.reliability import NoiseCeiling

AUDIO_BASELINE_PREFIX = "audio_"


def score_models(
    block: ProtocolPredictions, samples: np.ndarray, ceiling: NoiseCeiling, confidence: float
) -> tuple[dict[str, dict[str, float]], pd.DataFrame]:
    """Scores every model of a protocol.

    samples: ``[m, s, k]`` resampled R², see `crescendai.evaluation.bootstrap.group_bootstrap_r2`.

    Returns:
        model -> scores averaged over dimensions, and a table with a row a model and dimension. ``r2_folds`` and
        ``ceiling_fraction`` are left out where folds or raters say nothing of them.
    """
    overall, tables, best = {}, [], float(ceiling.r2.mean())
    for model, predicted, own in zip(block.models, block.predicted, samples, strict=True):
        by_dimension = evaluate_known(block.rated, predicted)
        means = {name: float(values.mean()) for name, values in by_dimension.items()}
        # The interval is of the mean: dimensions go up and down together, so theirs must not be averaged.
        low, high = percentile_interval(own.mean(axis=1), confidence)
        overall[model] = means | {"r2_low": float(low), "r2_high": float(high)}
        within = r2_within_folds(block.rated, predicted, block.fold)
        if within is not None:
            overall[model]["r2_folds"] = within
        if np.isfinite(best):
            overall[model]["ceiling_fraction"] = means["r2"] / best
        lows, highs = percentile_interval(own, confidence)
        intervals = {"r2_low": lows, "r2_high": highs, "ceiling_r2": ceiling.r2}
        tables.append(pd.DataFrame({"model": model, "dimension": block.names, **by_dimension, **intervals}))
    return overall, pd.concat(tables, ignore_index=True)


def compare_models(
    block: ProtocolPredictions, samples: np.ndarray, networks: Sequence[str], confidence: float
) -> pd.DataFrame:
    """Every network against every other kind of model, and the first network against the others: difference in
    mean R², interval, p.

    networks: the main one first. p_holm is corrected for all comparisons of the protocol.
    """
    scores = {
        model: evaluate_known(block.rated, own)["r2"].mean()
        for model, own in zip(block.models, block.predicted, strict=True)
    }
    resampled = {model: own.mean(axis=1) for model, own in zip(block.models, samples, strict=True)}
    baselines = [model for model in block.models if model not in networks]
    present = [model for model in networks if model in block.models]
    main, others = present[:1], present[1:]
    rows = []
    for model, baseline in [*product(main, [*others, *baselines]), *product(others, baselines)]:
        found = compare(scores[model], scores[baseline], resampled[model], resampled[baseline], confidence)
        rows.append(
            {
                "model": model,
                "baseline": baseline,
                "difference_r2": found.difference,
                "low": found.low,
                "high": found.high,
                "p": found.p,
            }
        )
    numbers = ["difference_r2", "low", "high", "p"]
    # A protocol without a network gives an empty table, whose columns would have no type.
    table = pd.DataFrame(rows, columns=["model", "baseline", *numbers]).astype(dict.fromkeys(numbers, float))
    return table.assign(p_holm=holm(table["p"].to_numpy()))


def sample_points(block: ProtocolPredictions, models: Sequence[str], limit: int, seed: int) -> pd.DataFrame:
    """Rated against predicted, at most ``limit`` (clip, dimension) points a model, the same for all."""
    known = np.flatnonzero(~np.isnan(block.rated))
    chosen = known[np.sort(np.random.default_rng(seed).permutation(len(known))[:limit])]
    clip, dimension = np.divmod(chosen, len(block.names))
    shared = {
        "clip_id": np.array(block.clip_ids)[clip],
        "dimension": np.array(block.names)[dimension],
        "rated": block.rated[clip, dimension],
    }
    tables = []
    for model in models:
        predicted = block.predicted[block.models.index(model)]
        tables.append(pd.DataFrame({"model": model, **shared, "predicted": predicted[clip, dimension]}))
    return pd.concat(tables, ignore_index=True)


def error_correlation(block: ProtocolPredictions) -> pd.DataFrame:
    """Correlation of models' errors, pooled over clips and dimensions: who could help whom."""
    errors = (block.predicted - block.rated)[:, ~np.isnan(block.rated)]
    rows = [
        {"model_a": one, "model_b": other, "correlation": pearson(errors[a][:, None], errors[b][:, None])[0]}
        for (a, one), (b, other) in product(enumerate(block.models), repeat=2)
    ]
    return pd.DataFrame(rows)


def dimension_bars(dimensions: pd.DataFrame, networks: Sequence[str], ceiling: NoiseCeiling) -> pd.DataFrame:
    """R² by dimension of the networks, of the best audio baseline and of the ceiling.

    dimensions: one protocol's table of `score_models`.
    """
    means = dimensions.groupby("model")["r2"].mean().sort_index()
    audio = means[means.index.str.startswith(AUDIO_BASELINE_PREFIX)]
    shown = [*networks, *([audio.idxmax()] if len(audio) else [])]
    bars = [dimensions.loc[dimensions["model"] == model, ["dimension", "model", "r2"]] for model in shown]
    bars.append(pd.DataFrame({"dimension": dimensions["dimension"].unique(), "model": "ceiling", "r2": ceiling.r2}))
    return pd.concat(bars, ignore_index=True)
