"""Ratings of whole clips: what a network makes of evenly spaced windows, averaged, and rated once.

A clip that is compared with others is to be compared as a whole. Only where descriptors ask the patches of a window
(fusion ``attention``) is every window rated by itself, and the ratings are averaged.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

import jax
import numpy as np

from crescendai.errors import DataError
from crescendai.models.ast import AudioSpectrogramTransformer
from crescendai.models.backbone import Backbone
from crescendai.models.hybrid import HybridTransformer
from crescendai.models.members import each_member
from crescendai.models.windows import InputScale, cut_window, window_starts

RatingNetwork = AudioSpectrogramTransformer | HybridTransformer
# (params, spectrogram [b, t, f], num_frames [b], descriptors [b, m] or None) -> states [b, s]
Listen = Callable[[dict, np.ndarray, np.ndarray, np.ndarray | None], jax.Array]
# (all parameters, or all but the backbone's, states [b, s], descriptors [b, m] or None) -> ratings [b, k]
Judge = Callable[[dict, np.ndarray, np.ndarray | None], jax.Array]


class Predict(NamedTuple):
    """A network in two steps without dropout, compiled for each batch shape.

    listen: windows to states: what the backbone pools of them; where `needs_patches` their ratings, for which alone
        descriptors are looked at.
    judge: the mean state of a clip's windows to its ratings.
    """

    listen: Listen
    judge: Judge


def needs_patches(model: RatingNetwork) -> bool:
    """Whether a window is rated from its patches, so that what is pooled of it is not enough."""
    return isinstance(model, HybridTransformer) and model.fusion == "attention"


@cache
def make_predict(model: RatingNetwork, members: int = 1) -> Predict:
    """The same network is compiled once.

    members: networks whose mean counts, see `crescendai.models.members`.
    """
    hybrid = isinstance(model, HybridTransformer)

    def mean_of_members(params: dict, descriptors: jax.Array | None, *sound: jax.Array | None, **more) -> jax.Array:
        heard = (descriptors,) if hybrid else ()

        def rate(own: dict) -> jax.Array:
            return model.apply({"params": own}, *sound, *heard, **more).ratings

        return each_member(rate, params, members).mean(axis=0)

    @jax.jit
    def rate_windows(
        params: dict, spectrogram: jax.Array, num_frames: jax.Array, descriptors: jax.Array | None
    ) -> jax.Array:
        return mean_of_members(params, descriptors, spectrogram, num_frames)

    @jax.jit
    def encode_windows(
        params: dict, spectrogram: jax.Array, num_frames: jax.Array, descriptors: jax.Array | None
    ) -> jax.Array:
        backbone = Backbone(model.config)
        return backbone.apply({"params": params["backbone"]}, spectrogram, num_frames).pooled

    @jax.jit
    def rate_states(params: dict, states: jax.Array, descriptors: jax.Array | None) -> jax.Array:
        return mean_of_members(params, descriptors, None, None, pooled=states)

    if needs_patches(model):
        return Predict(rate_windows, lambda params, states, descriptors: states)
    return Predict(encode_windows, rate_states)


def predict_clips(
    predict: Predict,
    params: dict,
    clips: Sequence[np.ndarray],
    scale: InputScale,
    descriptors: np.ndarray | None,
    window_frames: int,
    batch_size: int,
) -> np.ndarray:
    """Ratings of clips of any length: ``[clip, k]``.

    clips: log-mel spectrograms in dB, ``[t, f]`` each.
    scale: that of the model's training part.
    descriptors: ``[clip, m]`` normal scores, for a hybrid; every window of a clip has the clip's.
    window_frames: frames the network hears at once; of longer clips states are averaged over `window_starts`.
    batch_size: windows at a time; the last batch is filled up, so that one shape is compiled.
    """
    if descriptors is not None and len(descriptors) != len(clips):
        raise DataError(f"descriptors: expected a row for each of {len(clips)} clips, found {len(descriptors)}")
    clip_of_window, states = [], []
    for owners, windows, num_frames in _window_batches(clips, scale, window_frames, batch_size):
        clip_of_window += owners
        filled = [*owners, *[0] * (batch_size - len(owners))]  # a filler window may have anybody's descriptors
        described = None if descriptors is None else descriptors[filled]
        states.append(np.asarray(predict.listen(params, windows, num_frames, described))[: len(owners)])
    means = mean_states(np.concatenate(states), np.bincount(clip_of_window, minlength=len(clips)))
    return np.asarray(predict.judge(params, means, descriptors), np.float64)


def mean_states(states: np.ndarray, num_windows: np.ndarray) -> np.ndarray:
    """Of as many neighbouring windows each as ``num_windows`` says: ``[window, s]`` -> float32 ``[clip, s]``."""
    starts = np.cumsum(num_windows) - num_windows
    return (np.add.reduceat(states.astype(np.float64), starts) / num_windows[:, None]).astype(np.float32)


def _window_batches(
    clips: Sequence[np.ndarray], scale: InputScale, window_frames: int, batch_size: int
) -> Iterator[tuple[list[int], np.ndarray, np.ndarray]]:
    """Batches of all windows of all clips: the clip of each window, windows ``[b, t, f]``, frames ``[b]``."""
    places = [
        (owner, start)
        for owner, clip in enumerate(clips)
        for start in window_starts(len(clip), window_frames)
    ]
    for first in range(0, len(places), batch_size):
        batch = places[first : first + batch_size]
        windows = np.zeros((batch_size, window_frames, clips[0].shape[1]), dtype=np.float32)
        num_frames = np.ones(batch_size, dtype=np.int32)  # a filler window of one silent frame
        for row, (owner, start) in enumerate(batch):
            windows[row], num_frames[row] = cut_window(clips[owner], start, window_frames, scale)
        yield [owner for owner, _ in batch], windows, num_frames
