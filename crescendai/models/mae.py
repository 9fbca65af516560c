"""Masked autoencoder: the encoder sees the visible patches only, a light decoder draws the hidden ones.

He et al., *Masked autoencoders are scalable vision learners* (arXiv 2111.06377); for spectrograms Huang et al.,
*Masked autoencoders that listen* (arXiv 2207.06405). At 75 % hidden the encoder works on a quarter of the
patches. Deviation: patches are drawn as they are, not normalised one by one, since level is part of playing.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from crescendai.models.backbone import Backbone
from crescendai.models.encoder import Encoder
from crescendai.models.presets import BackboneConfig
from crescendai.models.ssast import MaskedPatches, hidden_patches


class MaskedAutoencoder(nn.Module):
    """Backbone on what is visible, decoder on all places.

    decoder_width, decoder_depth, decoder_heads: of the decoder, which is thrown away afterwards.
    """

    config: BackboneConfig
    decoder_width: int
    decoder_depth: int
    decoder_heads: int

    @nn.compact
    def __call__(self, spectrogram: jax.Array, order: jax.Array, num_visible: int) -> MaskedPatches:
        """Draws the hidden patches; arguments as of `crescendai.models.ssast.MaskedPatchModel`."""
        c = self.config
        features = Backbone(c, name="backbone")(spectrogram, keep=order[:, :num_visible])
        visible = nn.Dense(self.decoder_width, name="to_decoder")(features.patches)
        init = nn.initializers.normal(0.02)
        mask_token = self.param("mask_token", init, (self.decoder_width,))
        b, n = order.shape
        hidden = jnp.broadcast_to(mask_token, (b, n - num_visible, self.decoder_width))
        # Attention knows no order: places stay sorted as in `order`, each with its own position.
        positions = self.param("positions", init, (n, self.decoder_width))
        x = jnp.concatenate([visible, hidden], axis=1) + positions[order]
        decoder = Encoder(self.decoder_depth, self.decoder_heads, dtype=c.dtype, name="decoder")
        x, _ = decoder(x, None, True)
        drawn = nn.Dense(c.grid.values, name="out")(x[:, num_visible:])
        return MaskedPatches(None, drawn, hidden_patches(spectrogram, order[:, num_visible:], c))
