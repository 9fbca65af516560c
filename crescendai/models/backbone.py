"""From spectrograms to encoded patches: what rating and pretraining share."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from crescendai.models.encoder import Encoder
from crescendai.models.heads import masked_mean, masked_std
from crescendai.models.patches import PatchEmbedding, fit_frames, patch_mask, silence_padding
from crescendai.models.presets import BackboneConfig

NUM_TOKENS = 2  # class and distillation token, as in AST


class Features(NamedTuple):
    """An encoded batch."""

    patches: jax.Array | None  # [b, n, d] after the closing norm; of no meaning where there is padding
    mask: jax.Array | None  # bool [b, n] True where there is sound; None where there is everywhere
    pooled: jax.Array  # [b, d], or [b, 2 d] with statistics pooling
    attention: jax.Array | None  # [layer, b, head, query, key], tokens first where there are any


class Backbone(nn.Module):
    """Patch embedding and encoder."""

    config: BackboneConfig

    @nn.compact
    def __call__(
        self,
        spectrogram: jax.Array,
        num_frames: jax.Array | None = None,
        deterministic: bool = True,
        keep: jax.Array | None = None,
        masked: jax.Array | None = None,
        return_attention: bool = False,
    ) -> Features:
        """Encodes a batch that may mix lengths.

        spectrogram: standardised log-mel ``[b, t, f]``, ``t`` at most ``max_frames``.
        num_frames: ``[b]`` frames of the clip itself, 1 to ``t``; the rest is padding and is not heard.
            None where no clip is padded.
        deterministic: neither dropout nor patchout. Without it, keys named ``dropout`` and, for
            patchout, ``patchout`` must be given in ``rngs``.
        keep: int ``[b, m]`` positions of the patches that are encoded, the others are left out.
        masked: bool ``[b, n]`` patches that a learned token stands for (masked patch modelling).
        """
        c = self.config
        mask = None
        if num_frames is not None:
            spectrogram = silence_padding(spectrogram, num_frames)
        spectrogram = fit_frames(spectrogram, c.grid)
        if num_frames is not None:
            mask = patch_mask(num_frames, c.grid.time_patches(spectrogram.shape[1]), c.mel_patches, c.grid)
        mask_token = None
        if masked is not None:
            mask_token = self.param("mask_token", nn.initializers.normal(0.02), (c.width,))
        x = PatchEmbedding(c.width, c.grid, c.max_time_patches, c.dtype, name="patches")(
            spectrogram, masked, mask_token
        )
        if keep is None and c.patchout and not deterministic:
            keep = draw_patches(self.make_rng("patchout"), x.shape[:2], c.patchout)
        if keep is not None:
            x = jnp.take_along_axis(x, keep[:, :, None], axis=1)
            mask = None if mask is None else jnp.take_along_axis(mask, keep, axis=1)

        num_tokens = NUM_TOKENS if c.pooling == "tokens" else 0
        encoded_mask = mask
        if num_tokens:
            init = nn.initializers.normal(0.02)
            tokens = self.param("tokens", init, (NUM_TOKENS, c.width))
            tokens = tokens + self.param("token_positions", init, (NUM_TOKENS, c.width))
            x = jnp.concatenate([jnp.broadcast_to(tokens, (len(x), *tokens.shape)), x], axis=1)
            if mask is not None:
                encoded_mask = jnp.pad(mask, ((0, 0), (NUM_TOKENS, 0)), constant_values=True)
        encoder = Encoder(
            c.depth, c.num_heads, c.mlp_ratio, c.dropout, c.stochastic_depth, c.layer_norm_epsilon, c.dtype,
            name="encoder",
        )  # fmt: skip
        x, attention = encoder(x, encoded_mask, deterministic, return_attention)
        patches = x[:, num_tokens:]
        if num_tokens:
            pooled = x[:, :num_tokens].mean(axis=1)
        else:
            heard = jnp.ones(patches.shape[:2], bool) if mask is None else mask
            pooled = masked_mean(patches, heard)
            if c.pooling == "statistics":
                pooled = jnp.concatenate([pooled, masked_std(patches, heard)], axis=-1)
        return Features(patches, mask, pooled, attention)


def draw_patches(key: jax.Array, shape: tuple[int, int], patchout: float) -> jax.Array:
    """Positions of the patches that patchout leaves: int ``[b, m]``, ascending.

    shape: ``(b, n)``. The first patch always stays, so that the shortest clip keeps one.
    """
    b, n = shape
    kept = max(round(n * (1.0 - patchout)), 1)
    draw = jax.random.uniform(key, (b, n)).at[:, 0].set(-1.0)
    return jnp.sort(jnp.argsort(draw, axis=1)[:, :kept], axis=1)
