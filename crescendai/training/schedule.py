"""The learning rate over a run."""

import math


def learning_rate(step: int, peak: float, warmup_steps: int, total_steps: int) -> float:
    """Linear warm-up to ``peak``, then half a cosine down to zero (SGDR, arXiv 1608.03983).

    ``peak * (step + 1) / (warmup_steps + 1)`` for ``step < warmup_steps``, then
    ``peak * (1 + cos(pi * progress)) / 2`` with progress from 0 to 1 at ``total_steps``.

    A plain number, which the training step takes as an argument: folds differ in their number of steps, and a
    schedule inside the step would have XLA compile it anew for each.
    """
    if step < warmup_steps:
        return peak * (step + 1) / (warmup_steps + 1)
    progress = min((step - warmup_steps) / max(total_steps - warmup_steps, 1), 1.0)
    return peak * 0.5 * (1.0 + math.cos(math.pi * progress))
