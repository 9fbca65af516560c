"""How gradients become changes of the weights, and how much of it each layer gets."""

import math
import re
from collections.abc import Sequence
from typing import Literal

import jax
import optax
import optax.contrib

from crescendai.errors import ParamsError

MAX_GRADIENT_NORM = 1.0  # as in ViT; early steps of attention layers can be wild
ADAM_BETAS = (0.9, 0.98)  # a shorter memory than 0.999: a run has some hundreds of steps

BLOCK = re.compile(r"backbone/encoder/block_(\d+)/")
MATRIX = re.compile(BLOCK.pattern + ".*kernel$")
MUON_RMS = 0.2  # of an update, about Adam's, so that one learning rate serves both
MUON_ITERATIONS = 4  # of Newton and Schulz: most singular values come out between 0.7 and 1.2, which is near enough
INPUT = re.compile(r"backbone/(patches/|tokens$|token_positions$|mask_token$)")


def make_optimizer(
    weight_decay: float, betas: Sequence[float] = ADAM_BETAS, kind: Literal["adamw", "muon"] = "adamw"
) -> optax.GradientTransformation:
    """AdamW (arXiv 1711.05101) or Muon behind a clip of the global gradient norm, for a learning rate of one.

    The update is to be subtracted, times the learning rate, by the training step.

    weight_decay: of kernels alone, see `decay_mask`. betas: of Adam's two moments, 0 to 1; Muon's one has optax's 0.95.
    kind: with muon, the matrices of encoder blocks take orthogonal steps (Jordan et al., *Muon: an optimizer for
        hidden layers in neural networks*, 2024), of Adam's size (Liu et al., arXiv 2502.16982, section 2.2); all
        else goes on as with adamw.
    """
    direction = optax.scale_by_adam(*betas)
    if kind == "muon":
        steps = optax.contrib.scale_by_muon(ns_steps=MUON_ITERATIONS, weight_dimension_numbers=_rows_and_columns)
        orthogonal = optax.chain(steps, optax.stateless(_adams_size))
        direction = optax.partition({True: orthogonal, False: direction}, _matrices)
    return optax.chain(
        optax.clip_by_global_norm(MAX_GRADIENT_NORM),
        direction,
        optax.add_decayed_weights(weight_decay, mask=decay_mask),
    )


def _matrices(params: dict) -> dict:
    """True for the matrices of encoder blocks."""
    return jax.tree_util.tree_map_with_path(
        lambda path, _: MATRIX.match("/".join(key.key for key in path)) is not None, params
    )


def _rows_and_columns(params: dict) -> dict:
    """Inputs before outputs, in every kernel."""
    return jax.tree.map(lambda _: optax.contrib.MuonDimensionNumbers(), params)


def _adams_size(updates: optax.Updates, _: optax.Params | None) -> optax.Updates:
    """Orthogonal steps ``[m, n]``, whose root mean square is ``max(m, n) ** -0.5``, with one of `MUON_RMS`."""
    return jax.tree.map(lambda step: MUON_RMS * math.sqrt(max(step.shape)) * step, updates)


def decay_mask(params: dict) -> dict:
    """True where weight decay applies: kernels, not biases, norms, positions or tokens."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)


def layer_of(name: str, num_blocks: int) -> int:
    """Height of a parameter: 0 for patches and tokens, ``i + 1`` for block ``i``, ``num_blocks + 1`` above.

    As in BEiT (arXiv 2106.08254, ``get_num_layer_for_vit``).

    name: flat, such as ``backbone/encoder/block_0/mlp_in/kernel``.
    """
    block = BLOCK.match(name)
    if block:
        return int(block[1]) + 1
    return 0 if INPUT.match(name) else num_blocks + 1


def layer_factors(params: dict, num_blocks: int, decay: float = 1.0, frozen_blocks: int = 0) -> dict:
    """Each parameter's share of the learning rate: ``decay ** (num_blocks + 1 - layer)``.

    num_blocks: of the encoder.
    decay: above 0 to 1; what pretraining taught the lower layers changes less.
    frozen_blocks: blocks from the bottom that stay as they are, and with them patches and tokens: factor 0.
        With 0 nothing is frozen.

    Returns:
        Floats in the structure of ``params``.

    Raises:
        ParamsError: more frozen blocks than there are.
    """
    if frozen_blocks > num_blocks:
        raise ParamsError(
            f"frozen_blocks: expected at most the encoder's {num_blocks}, found {frozen_blocks}; freeze fewer"
        )

    def factor(path: tuple, _: jax.Array) -> float:
        layer = layer_of("/".join(key.key for key in path), num_blocks)
        frozen = frozen_blocks > 0 and layer <= frozen_blocks
        return 0.0 if frozen else decay ** (num_blocks + 1 - layer)

    return jax.tree_util.tree_map_with_path(factor, params)
