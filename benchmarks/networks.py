"""The same Audio Spectrogram Transformer in JAX and in torch, and how many operations it takes."""

import numpy as np

from crescendai.models.ast import AudioSpectrogramTransformer
from crescendai.models.presets import BackboneConfig

N_MELS, MAX_FRAMES, NUM_OUTPUTS = 128, 1024, 19  # 64 by 8 patches of 16 by 16, and two tokens
TOKENS = 2


def ours(size: str, precision: str = "float32") -> AudioSpectrogramTransformer:
    return AudioSpectrogramTransformer.from_preset(
        size, N_MELS, MAX_FRAMES, NUM_OUTPUTS, pooling="tokens", precision=precision
    )


def theirs(size: str):
    """transformers' AST of the same sizes, with torch's fused attention."""
    import transformers

    c = ours(size).config
    config = transformers.ASTConfig(
        hidden_size=c.width, num_hidden_layers=c.depth, num_attention_heads=c.num_heads,
        intermediate_size=c.mlp_ratio * c.width, patch_size=c.patch_mels, time_stride=c.stride_frames,
        frequency_stride=c.stride_mels, max_length=c.max_frames, num_mel_bins=c.n_mels, num_labels=NUM_OUTPUTS,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="sdpa",
    )  # fmt: skip
    return transformers.ASTForAudioClassification(config)


def spectrograms(clips: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((clips, MAX_FRAMES, N_MELS)).astype(np.float32)


def ratings(clips: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((clips, NUM_OUTPUTS)).astype(np.float32)


def forward_operations(c: BackboneConfig, clips: int) -> float:
    """Multiplications and additions in the matrix products of a forward pass; a training step has three times as many.

    A block multiplies each token with ``(4 + 2 r) d^2`` weights, and queries with keys and shares with values:
    ``2 n d`` each.
    """
    n, d, r = c.max_time_patches * c.mel_patches + TOKENS, c.width, c.mlp_ratio
    block = n * (4 + 2 * r) * d * d + 2 * n * n * d
    return 2.0 * clips * (n * c.grid.values * d + c.depth * block)
