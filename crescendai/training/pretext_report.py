"""What a pretrained network makes of held-out music: scores beside those of guesses that know nothing, and pictures."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from crescendai.midi.heard import heard_performance, onset_f1
from crescendai.midi.rolls import Rolls
from crescendai.models.hearing import make_hear
from crescendai.models.patches import fit_frames, patchify, unpatchify
from crescendai.models.transcription import Transcriber
from crescendai.training.pretexts import Batch, LossOf, mean_patch_error
from crescendai.training.pretraining import Material, mean_metrics, mean_patch

NUM_PICTURES = 3


def held_out_scores(
    loss_of: LossOf, model: nn.Module, params: dict, material: Material, batch_size: int, seed: int
) -> dict[str, float]:
    """The pretext's losses on held-out music, and what guessing would score.

    mspm, mae: ``reconstruction_error`` against ``mean_patch_error``, that of the training part's mean patch;
    mspm: ``accuracy`` against ``chance_accuracy``. transcribe: losses in parts of the best constant guess's, and
    precision, recall and F1 of strokes within 50 ms.
    """
    batches = material.held_out_batches(batch_size, seed)
    evaluate = jax.jit(lambda params, batch: loss_of(params, batch, jax.random.key(0)))
    scores = mean_metrics(evaluate, params, batches)
    if material.masking is None:
        return scores | _strokes(model, params, batches, material)
    config, num_visible = material.config, material.masking.num_visible(material.config)
    patch = mean_patch(material.train, config, material.scale)
    scores["mean_patch_error"] = mean_patch_error(batches, patch, config, num_visible)
    if "accuracy" in scores:
        scores["chance_accuracy"] = 1.0 / (config.max_time_patches * config.mel_patches - num_visible)
    return scores


def pretext_pictures(model: nn.Module, params: dict, material: Material, seed: int) -> dict[str, np.ndarray]:
    """A few held-out windows as they sound, and what the network made of them.

    Returns:
        ``sound`` ``[window, t, f]`` in dB; for masked objectives also ``shown``, with NaN where patches were hidden,
        and ``drawn``, with the network's patches there; for transcribing ``played`` and ``heard``, chances
        that a string rings ``[window, t, key]``.
    """
    batch = jax.tree.map(lambda x: x[:NUM_PICTURES], material.held_out_batches(NUM_PICTURES, seed)[0])
    config, scale = material.config, material.scale

    def decibels(standardised: np.ndarray) -> np.ndarray:
        return (np.asarray(standardised) * scale.std_db + scale.mean_db).astype(np.float16)

    heard_mels = config.mel_patches * config.patch_mels  # those that whole patches cover
    sound = np.asarray(fit_frames(batch.spectrogram, config.grid))[:, :, :heard_mels]
    if material.masking is None:
        heard = make_hear(model)(params, batch.spectrogram)
        return {
            "sound": decibels(sound),
            "played": batch.rolls.sounding.astype(np.float16),
            "heard": np.asarray(heard.sounding, np.float16),
        }
    num_visible = material.masking.num_visible(config)
    seen = model.apply({"params": params}, batch.spectrogram, batch.order, num_visible)
    sides = config.patch_frames, config.patch_mels
    patches = np.array(patchify(jnp.asarray(sound), *sides))
    rows, hidden = np.arange(len(patches))[:, None], batch.order[:, num_visible:]
    back = partial(unpatchify, patch_frames=sides[0], patch_mels=sides[1], n_mels=heard_mels)
    shown, drawn = patches.copy(), patches.copy()
    shown[rows, hidden], drawn[rows, hidden] = np.nan, seen.drawn
    return {"sound": decibels(sound), "shown": decibels(back(shown)), "drawn": decibels(back(drawn))}


def _strokes(model: Transcriber, params: dict, batches: list[Batch], material: Material) -> dict[str, float]:
    hear, counts = make_hear(model), np.zeros(3)
    for batch in batches:
        heard = jax.tree.map(np.asarray, hear(params, batch.spectrogram))
        for window in range(len(batch.spectrogram)):
            told = heard_performance(Rolls(*(part[window] for part in heard)), material.hop_s)
            true = heard_performance(Rolls(*(part[window].astype(float) for part in batch.rolls)), material.hop_s)
            if true is not None:
                counts += onset_f1(told, true)
            elif told is not None:  # nothing was played
                counts += 0, told.num_notes, 0
    precision, recall = counts[0] / max(counts[1], 1), counts[0] / max(counts[2], 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return {"stroke_precision": precision, "stroke_recall": recall, "stroke_f1": f1}
