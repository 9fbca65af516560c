"""Ratings of one section by a trained model."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import jax
import numpy as np

from crescendai.analysis.batches import RunRows, run_rows
from crescendai.audio.descriptors import describe_audio
from crescendai.dimensions import NAMES
from crescendai.errors import DataError
from crescendai.midi.heard import heard_performance
from crescendai.midi.rolls import Rolls
from crescendai.models.checkpoint import TrainedModel
from crescendai.models.hearing import describe_heard, hear_clip, make_hear
from crescendai.models.prediction import Predict, make_predict, needs_patches, predict_clips
from crescendai.models.rating import in_order
from crescendai.models.windows import window_starts


@dataclass(frozen=True)
class RatedSection:
    """Ratings ``[k]``, 0 to 1, and strokes heard a second; None from a model that does not write them down."""

    ratings: np.ndarray
    strokes_per_s: float | None


class SectionRater:
    """What `crescendai.models.rating.make_rate` computes, with batches that another may put together.

    run: see `crescendai.analysis.batches`.

    Raises:
        DataError: the model does not rate the 19 dimensions.
    """

    def __init__(self, model: TrainedModel, run: RunRows = run_rows):
        if model.dimensions != NAMES:
            raise DataError(
                f"model: expected one that rates the {len(NAMES)} dimensions, found one that rates "
                f"{len(model.dimensions)} things; give a model that the stage `finetune` trained"
            )
        self.model, self._run = model, run
        self.hop_s = model.frontend["hop_length"] / model.frontend["sample_rate_hz"]
        self._asks_patches = needs_patches(model.network)
        listen, judge = make_predict(model.network, model.members)
        params = jax.device_put(model.params)
        self._listen_rows = lambda x, num_frames, *described: (listen(params, x, num_frames, *(described or [None])),)
        self._judge_rows = lambda states, *described: (judge(params, states, *(described or [None])),)
        if model.listener is not None:
            hear, heard_with = make_hear(model.listener.network), jax.device_put(model.listener.params)
            self._hear_rows = lambda windows: tuple(hear(heard_with, windows))

    def rate(self, log_mel: np.ndarray) -> RatedSection:
        """``[t, f]`` dB, made with the model's frontend, at least one frame -> ratings, none outside 0 to 1.

        A network is not bound to the scale; what it says beyond an end means the end.
        """
        model, described, strokes_per_s = self.model, None, None
        found = {} if model.descriptors is None else describe_audio(log_mel, self.hop_s)
        if model.listener is not None:
            heard = heard_performance(hear_clip(self._hear, log_mel, model.listener), self.hop_s)
            found |= describe_heard(heard)
            strokes_per_s = (0 if heard is None else heard.num_notes) / (len(log_mel) * self.hop_s)
        if model.descriptors is not None:
            described = model.descriptors.apply(in_order(found, model.descriptors.names))
        max_frames = model.network.config.max_frames
        ratings = predict_clips(
            Predict(self._listen, self._judge), {}, [log_mel], model.input_scale, described, max_frames,
            len(window_starts(len(log_mel), max_frames)),
        )[0]  # fmt: skip
        return RatedSection(np.clip(ratings, 0.0, 1.0), strokes_per_s)

    def warm_up(self, hear_rows: tuple[int, ...], listen_rows: tuple[int, ...], judge_rows: tuple[int, ...]) -> None:
        """Compiles the networks for batches of these sizes, side by side: of windows to write down, of windows to
        rate, and of sections.
        """
        config, model, jobs = self.model.network.config, self.model, []

        def described(rows: int) -> np.ndarray | None:
            return None if model.descriptors is None else np.zeros((rows, len(model.descriptors.names)), np.float32)

        for rows in listen_rows:
            windows = np.zeros((rows, config.max_frames, config.n_mels), np.float32)
            jobs.append((self._listen_rows, self._heard(windows, np.ones(rows, np.int32), described(rows))))
        for rows in () if self._asks_patches else judge_rows:
            states = np.zeros((rows, config.pooled_width), np.float32)
            jobs.append((self._judge_rows, _known(states, described(rows))))
        if model.listener is not None:
            config = model.listener.network.config
            frames = config.grid.covered_frames(config.max_frames)
            jobs += [(self._hear_rows, [np.zeros((rows, frames, config.n_mels), np.float32)]) for rows in hear_rows]
        with ThreadPoolExecutor(2) as pool:  # XLA compiles without Python's lock
            for done in [pool.submit(network, *inputs) for network, inputs in jobs]:
                jax.block_until_ready(done.result())

    def _listen(
        self, _: dict, windows: np.ndarray, num_frames: np.ndarray, described: np.ndarray | None
    ) -> np.ndarray:
        return self._run(self._listen_rows, *self._heard(windows, num_frames, described))[0]

    def _heard(self, windows: np.ndarray, num_frames: np.ndarray, described: np.ndarray | None) -> list[np.ndarray]:
        # Only where patches are asked do descriptors make a difference to a window.
        return _known(windows, num_frames, described if self._asks_patches else None)

    def _judge(self, _: dict, states: np.ndarray, described: np.ndarray | None) -> np.ndarray:
        if self._asks_patches:
            return states  # they are ratings
        return self._run(self._judge_rows, *_known(states, described))[0]

    def _hear(self, _: dict, windows: np.ndarray) -> Rolls:
        # A batch is filled up with its first window: what is there twice is heard once.
        same = np.array([np.array_equal(window, windows[0]) for window in windows])
        place = np.where(same, 0, np.cumsum(~same))
        distinct = np.concatenate([windows[:1], windows[~same]])
        return Rolls(*(part[place] for part in self._run(self._hear_rows, distinct)))


def _known(*inputs: np.ndarray | None) -> list[np.ndarray]:
    return [array for array in inputs if array is not None]
