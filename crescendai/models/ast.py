"""The Audio Spectrogram Transformer: from a log-mel spectrogram to 19 ratings.

After Gong, Chung, Glass, *AST: Audio Spectrogram Transformer* (arXiv 2104.01778). Deviations:
patches do not overlap (a quarter of the tokens), the pooled clip is the mean of the patches that
hold sound instead of two class tokens, and positions are a sum of time and frequency tables.
"""

import flax.linen as nn
import jax

from crescendai.models.encoder import Encoder
from crescendai.models.heads import RatingHead, masked_mean
from crescendai.models.patches import PatchEmbedding, pad_frames, patch_mask, silence_padding


class AudioSpectrogramTransformer(nn.Module):
    """Patch embedding, encoder, mean over the clip, linear head.

    n_mels: mel bands of the input.
    max_frames: longest input in frames; positions in time are learned up to it.
    patch_frames, patch_mels: sides of a patch; ``patch_mels`` divides ``n_mels``.
    width, depth, num_heads, mlp_ratio: of the encoder.
    dropout: rate on every residual branch and before the head, in training only.
    num_outputs: ratings a clip.
    """

    n_mels: int
    max_frames: int
    patch_frames: int
    patch_mels: int
    width: int
    depth: int
    num_heads: int
    dropout: float
    num_outputs: int
    mlp_ratio: int = 4  # as in every ViT

    @nn.compact
    def __call__(self, spectrogram: jax.Array, num_frames: jax.Array, deterministic: bool) -> jax.Array:
        """Ratings of a batch that may mix lengths.

        spectrogram: standardised log-mel ``[b, t, f]``, ``t`` at most ``max_frames``.
        num_frames: ``[b]`` frames of the clip itself, 1 to ``t``; the rest is padding and is not heard.
        deterministic: no dropout. Without it, a key named ``dropout`` must be given in ``rngs``.

        Returns:
            ``[b, num_outputs]``.
        """
        x = pad_frames(silence_padding(spectrogram, num_frames), self.patch_frames)
        mask = patch_mask(
            num_frames, x.shape[1] // self.patch_frames, self.n_mels // self.patch_mels, self.patch_frames
        )
        embed = PatchEmbedding(
            self.width, self.patch_frames, self.patch_mels, self.max_frames, name="patches"
        )
        encoder = Encoder(self.depth, self.num_heads, self.mlp_ratio, self.dropout, name="encoder")
        x = encoder(embed(x), mask, deterministic)
        head = RatingHead(self.num_outputs, self.dropout, name="head")
        return head(masked_mean(x, mask), deterministic)


def count_parameters(model: AudioSpectrogramTransformer) -> int:
    """Number of parameters, from the formula, without making any.

    ``patch * d + d + (time + mel patches) * d  +  depth * ((4 + 2 r) d^2 + (9 + r) d)  +  2 d  +  (d + 1) k``
    with ``r`` the mlp ratio and ``k`` the outputs.
    """
    d, r = model.width, model.mlp_ratio
    positions = -(-model.max_frames // model.patch_frames) + model.n_mels // model.patch_mels
    patches = (model.patch_frames * model.patch_mels + 1 + positions) * d
    block = (4 + 2 * r) * d * d + (9 + r) * d  # 4 + r biases of projections, 1 of mlp_out, 4 of two norms
    return patches + model.depth * block + 2 * d + (d + 1) * model.num_outputs
