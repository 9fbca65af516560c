"""Is one model better than another? Paired bootstrap tests with Holm's correction."""

from dataclasses import dataclass

import numpy as np

from crescendai.evaluation.bootstrap import percentile_interval


@dataclass(frozen=True)
class Comparison:
    """Difference of two models' mean R², with its interval."""

    difference: float  # model minus baseline
    low: float
    high: float
    p: float  # two-sided, before correction


def compare(
    model: float, baseline: float, model_samples: np.ndarray, baseline_samples: np.ndarray, confidence: float
) -> Comparison:
    """Compares two scores by their resamples, which must be of the same clips in the same order.

    Resamples that say nothing of a model (NaN) are left out.

    p is the smallest one whose interval excludes 0: twice the smaller share of resampled
    differences on one side of 0, where one more resample is counted on either side so that p is
    never 0 (Davison & Hinkley 1997, sections 4.2 and 5.4). It agrees with the percentile interval.

    model, baseline: the scores; model_samples, baseline_samples: ``[s]`` resampled scores.
    """
    differences = model_samples - baseline_samples
    differences = differences[~np.isnan(differences)]
    low, high = percentile_interval(differences, confidence)
    smaller = min(np.sum(differences <= 0), np.sum(differences >= 0))
    p = min(1.0, 2 * (smaller + 1) / (len(differences) + 1))
    return Comparison(float(model - baseline), float(low), float(high), float(p))


def holm(p_values: np.ndarray) -> np.ndarray:
    """p values corrected for their number, so that the chance of any false finding stays below p.

    ``p̃_(i) = max_{j ≤ i} min(1, (m − j + 1) · p_(j))``, p in ascending order.

    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of
    Statistics 6, 65-70.
    """
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(factors * p_values[order]))
    return corrected
