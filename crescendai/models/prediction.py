"""Ratings of whole clips: the mean over evenly spaced windows."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache

import jax
import numpy as np

from crescendai.errors import DataError
from crescendai.models.ast import AudioSpectrogramTransformer
from crescendai.models.hybrid import HybridTransformer
from crescendai.models.members import each_member
from crescendai.models.windows import InputScale, cut_window, window_starts

# (params, spectrogram [b, t, f], num_frames [b], descriptors [b, m] or None) -> ratings [b, k]
PredictWindows = Callable[[dict, np.ndarray, np.ndarray, np.ndarray | None], jax.Array]
# (all parameters but the backbone's, pooled [b, d], descriptors [b, m]) -> ratings [b, k]
PredictPooled = Callable[[dict, np.ndarray, np.ndarray], jax.Array]


def make_predict(model: AudioSpectrogramTransformer | HybridTransformer, members: int = 1) -> PredictWindows:
    """The compiled forward pass without dropout; make it once, it compiles for each batch shape.

    members: networks whose mean counts, see `crescendai.models.members`.
    """

    @jax.jit
    def predict(
        params: dict, spectrogram: jax.Array, num_frames: jax.Array, descriptors: jax.Array | None
    ) -> jax.Array:
        heard = (descriptors,) if isinstance(model, HybridTransformer) else ()

        def rate(own: dict) -> jax.Array:
            return model.apply({"params": own}, spectrogram, num_frames, *heard).ratings

        return each_member(rate, params, members).mean(axis=0)

    return predict


@cache
def make_predict_pooled(model: AudioSpectrogramTransformer | HybridTransformer, members: int = 1) -> PredictPooled:
    """The same for windows that the backbone has heard before; the same network is compiled once."""

    @jax.jit
    def predict_pooled(params: dict, pooled: jax.Array, descriptors: jax.Array) -> jax.Array:
        heard = (descriptors,) if isinstance(model, HybridTransformer) else ()

        def rate(own: dict) -> jax.Array:
            return model.apply({"params": own}, None, None, *heard, pooled=pooled).ratings

        return each_member(rate, params, members).mean(axis=0)

    return predict_pooled


def predict_clips(
    predict: PredictWindows,
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
    descriptors: ``[clip, m]`` standardised, for a hybrid; every window of a clip has the clip's.
    window_frames: frames the network hears at once; longer clips are averaged over `window_starts`.
    batch_size: windows at a time; the last batch is filled up, so that one shape is compiled.
    """
    if descriptors is not None and len(descriptors) != len(clips):
        raise DataError(f"descriptors: expected a row for each of {len(clips)} clips, found {len(descriptors)}")
    clip_of_window, ratings = [], []
    for owners, windows, num_frames in _window_batches(clips, scale, window_frames, batch_size):
        clip_of_window += owners
        filled = [*owners, *[0] * (batch_size - len(owners))]  # a filler window may have anybody's descriptors
        described = None if descriptors is None else descriptors[filled]
        ratings.append(np.asarray(predict(params, windows, num_frames, described))[: len(owners)])
    ratings_of_windows = np.concatenate(ratings).astype(np.float64)
    total = np.zeros((len(clips), ratings_of_windows.shape[1]))
    np.add.at(total, clip_of_window, ratings_of_windows)
    return total / np.bincount(clip_of_window, minlength=len(clips))[:, None]


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
