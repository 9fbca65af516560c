"""A whole recording written down by a pretrained network, and described as a pianist would."""

from collections.abc import Callable
from functools import partial

import jax
import numpy as np

from crescendai.midi.descriptors import describe_performance
from crescendai.midi.harmony import describe_harmony
from crescendai.midi.heard import heard_performance
from crescendai.midi.notes import Performance
from crescendai.midi.rolls import NUM_KEYS, PEDAL_DEPTHS, Rolls
from crescendai.models.checkpoint import TrainedModel
from crescendai.models.transcription import Transcriber
from crescendai.models.windows import window_starts

HEARD = "heard_"  # before the name of a descriptor of what was heard
BATCH_SIZE = 8
OVERLAP = 0.25  # share of a window that it has in common with the next: borders are heard worst

# (params, spectrogram [b, t, f]) -> Rolls of chances [b, t, …]
HearWindows = Callable[[dict, np.ndarray], Rolls]


def make_hear(model: Transcriber) -> HearWindows:
    """The compiled forward pass; make it once."""
    return jax.jit(partial(hear_windows, model))


def hear_windows(model: Transcriber, params: dict, spectrogram: jax.Array) -> Rolls:
    """Chances of what is played in standardised windows ``[b, t, f]``: ``[b, t, …]``."""
    heard, chance = model.apply({"params": params}, spectrogram), jax.nn.sigmoid
    return Rolls(chance(heard.onset), chance(heard.held), chance(heard.sounding), heard.velocity, chance(heard.pedal))


def hear_clip(hear: HearWindows, log_mel: np.ndarray, model: TrainedModel) -> Rolls:
    """Chances of strokes, keys down, ringing strings and pedal over a clip of any length: ``[t, …]``.

    Windows overlap; every frame is taken from the window in whose middle it is nearest. What a last
    window is short of is silence.

    log_mel: ``[t, f]`` in dB, made with ``model.frontend``.
    """
    config, scale, floor_db = model.network.config, model.input_scale, model.frontend["floor_db"]
    length = config.grid.covered_frames(config.max_frames)
    starts = listening_starts(len(log_mel), length)
    padded = np.full((max(len(log_mel), length), log_mel.shape[1]), floor_db, np.float32)
    padded[: len(log_mel)] = log_mel
    windows = [scale.apply(padded[start : start + length]) for start in starts]
    parts = []
    for first in range(0, len(windows), BATCH_SIZE):
        batch = windows[first : first + BATCH_SIZE]
        filled = np.stack(batch + [batch[0]] * (BATCH_SIZE - len(batch)))
        parts.append([np.asarray(part)[: len(batch)] for part in hear(model.params, filled)])
    by_window = [np.concatenate(part) for part in zip(*parts, strict=True)]  # each [window, length, …]
    frame = np.arange(len(log_mel))
    owner = np.abs(frame[:, None] - (starts + length / 2)).argmin(axis=1)
    return Rolls(*(part[owner, frame - starts[owner]] for part in by_window))


def listening_starts(num_frames: int, length: int) -> np.ndarray:
    """First frames of the windows, ``length`` frames each, that a clip is written down in; ``[0]`` for a short clip."""
    if num_frames <= length:
        return np.zeros(1, int)
    return np.minimum(window_starts(num_frames, round(length * (1.0 - OVERLAP))), num_frames - length)


def describe_heard(heard: Performance | None) -> dict[str, float]:
    """Descriptors of a performance as it was heard; NaN throughout where nothing was."""
    if heard is None:
        return dict.fromkeys(HEARD_NAMES, np.nan)
    return {HEARD + name: value for name, value in describe_performance(heard).items()}


def _one_note() -> Performance:
    rolls = Rolls(*(np.zeros((4, NUM_KEYS)) for _ in range(4)), np.zeros((4, len(PEDAL_DEPTHS))))
    for roll in rolls[:-1]:
        roll[1, 40] = 0.9
    return heard_performance(rolls, 0.02)


HEARD_NAMES = tuple(HEARD + name for name in describe_performance(_one_note()))
HEARD_HARMONY = frozenset(HEARD + name for name in describe_harmony(_one_note(), np.array([0])))  # what, not how
