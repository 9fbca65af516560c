"""The optimiser and its learning rate."""

import math

import jax
import optax

MAX_GRADIENT_NORM = 1.0  # as in ViT; early steps of attention layers can be wild
ADAM_BETAS = (0.9, 0.98)  # a shorter memory than 0.999: a run has some hundreds of steps


def learning_rate(step: int, peak: float, warmup_steps: int, total_steps: int) -> float:
    """Linear warm-up to ``peak``, then half a cosine down to zero (SGDR, arXiv 1608.03983).

    ``peak * (step + 1) / (warmup_steps + 1)`` for ``step < warmup_steps``, then
    ``peak * (1 + cos(pi * progress)) / 2`` with progress from 0 to 1 at ``total_steps``.
    """
    if step < warmup_steps:
        return peak * (step + 1) / (warmup_steps + 1)
    progress = min((step - warmup_steps) / max(total_steps - warmup_steps, 1), 1.0)
    return peak * 0.5 * (1.0 + math.cos(math.pi * progress))


def decay_mask(params: dict) -> dict:
    """True where weight decay applies: kernels, not biases, norms or positions."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)


def make_optimizer(weight_decay: float) -> optax.GradientTransformation:
    """AdamW (arXiv 1711.05101) behind a clip of the global gradient norm, for a learning rate of one.

    The rate itself is multiplied in by the training step, as an argument: folds differ in their
    number of steps, and a schedule inside would have XLA compile the step anew for each.
    """
    return optax.chain(
        optax.clip_by_global_norm(MAX_GRADIENT_NORM),
        optax.scale_by_adam(*ADAM_BETAS),
        optax.add_decayed_weights(weight_decay, mask=decay_mask),
    )
