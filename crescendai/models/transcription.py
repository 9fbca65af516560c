"""Writing down what is played: a pretext whose answers the renders' MIDI knows.

Where a spectrogram was rendered from MIDI, the keys struck, their velocity, the keys down, the strings that ring and
the pedal are known for every frame. No listener's rating is used. The targets are those of Hawthorne et al., *Onsets
and frames* (arXiv 1710.11153), with the pedal of Kong et al. (arXiv 2010.01815), at three depths in place of one, and
keys told from strings.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from crescendai.midi.rolls import NUM_KEYS, PEDAL_DEPTHS
from crescendai.models.backbone import Backbone
from crescendai.models.presets import BackboneConfig

NUM_ROLLS = 4 * NUM_KEYS + len(PEDAL_DEPTHS)
SPLITS = [NUM_KEYS * roll for roll in (1, 2, 3, 4)]  # where one roll ends and the next begins
RARE_LOGITS = (-6.5, -3.5, -3.0)  # of about 0.15, 3 and 5 %: shares of frames and keys struck, held and sounding


class Transcribed(NamedTuple):
    """What is heard, frame by frame; ``t`` frames as patches cover them."""

    onset: jax.Array  # [b, t, key] logits
    held: jax.Array  # [b, t, key] logits
    sounding: jax.Array  # [b, t, key] logits
    velocity: jax.Array  # [b, t, key] 0 to 1, of meaning where a key is struck
    pedal: jax.Array  # [b, t, depth] logits


class Transcriber(nn.Module):
    """Backbone and one linear map from the patches of a stretch of time to its frames."""

    config: BackboneConfig

    @nn.compact
    def __call__(self, spectrogram: jax.Array, deterministic: bool = True) -> Transcribed:
        """Standardised log-mel ``[b, t, f]``, nothing padded -> what is played in the frames of whole patches."""
        c = self.config
        features = Backbone(c, name="backbone")(spectrogram, deterministic=deterministic)
        return FrameHead(c, name="transcription")(features.patches)


class FrameHead(nn.Module):
    """From encoded patches to rolls."""

    config: BackboneConfig

    @nn.compact
    def __call__(self, patches: jax.Array) -> Transcribed:
        """``[b, n, d]`` -> rolls of ``n / mel_patches * patch_frames`` frames."""
        c = self.config
        b = len(patches)
        stretches = patches.reshape(b, -1, c.mel_patches * c.width)
        out = nn.Dense(c.patch_frames * NUM_ROLLS, bias_init=_rare, name="rolls")(stretches)
        out = out.reshape(b, -1, NUM_ROLLS)  # [b, t, …]
        onset, held, sounding, velocity, pedal = jnp.split(out, SPLITS, axis=-1)
        return Transcribed(onset, held, sounding, jax.nn.sigmoid(velocity), pedal)


def _rare(key: jax.Array, shape: tuple[int], dtype: jnp.dtype = jnp.float32) -> jax.Array:
    """Biases of `FrameHead`: it starts as the guess that hardly a key is struck, few are down and few strings ring."""
    rare = jnp.repeat(jnp.array(RARE_LOGITS), NUM_KEYS)
    one = jnp.concatenate([rare, jnp.zeros(NUM_ROLLS - len(rare))])
    return jnp.tile(one, shape[0] // len(one)).astype(dtype)
