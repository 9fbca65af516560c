"""How much of an error is the listeners' own disagreement?

A clip's rating is the mean of ``n`` answers with variance ``s²``; around what all listeners would say on average it
scatters with variance ``s² / n``. A prediction's squared error is that scatter and the model's own error together.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crescendai.evaluation.metrics import pearson


def error_and_scatter(
    error: np.ndarray, clip_ids: Sequence[str], ratings: pd.DataFrame, names: Sequence[str]
) -> dict[str, float]:
    """Compares a model's errors with the scatter of the ratings themselves.

    error: ``[b, k]`` out of fold, of the clips ``[b]``, NaN where one is not rated. ratings: single ones: clip_id,
    rater, and the columns ``names [k]``; a rater who says the same of a clip again counts once.

    Returns:
        ``squared_error`` and ``scatter``, means over clips and dimensions, and ``pearson`` of the two over clips.
        Empty where too few clips have several ratings.
    """
    answers = ratings.drop_duplicates(["clip_id", "rater", *names]).groupby("clip_id")[list(names)]
    scatter = (answers.var(ddof=1) / answers.count()).reindex(clip_ids).to_numpy()
    known = np.isfinite(scatter) & np.isfinite(error)
    usable = known.any(axis=1)
    if usable.sum() < 3:
        return {}
    scatter, squared = (np.where(known, values, np.nan)[usable] for values in (scatter, error**2))
    by_clip = [np.nanmean(values, axis=1)[:, None] for values in (squared, scatter)]
    return {
        "squared_error": float(np.nanmean(squared)), "scatter": float(np.nanmean(scatter)),
        "pearson": float(pearson(*by_clip)[0]),
    }  # fmt: skip
