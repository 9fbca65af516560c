"""Ratings of a recording that nothing but its sound is known of."""

from collections.abc import Callable

import numpy as np

from crescendai.audio.descriptors import describe_audio
from crescendai.errors import DataError
from crescendai.midi.heard import heard_performance
from crescendai.models.checkpoint import TrainedModel
from crescendai.models.hearing import describe_heard, hear_clip, make_hear
from crescendai.models.prediction import make_predict, predict_clips

BATCH_SIZE = 8  # windows at a time


def make_rate(model: TrainedModel) -> Callable[[np.ndarray], np.ndarray]:
    """What rates with a finetuned model; make it once, it compiles at its first use.

    Returns:
        A function from a log-mel spectrogram ``[t, f]`` in dB, made with ``model.frontend``, to ratings ``[k]``.
        The descriptors of a hybrid are computed from the spectrogram.
    """
    predict, config = make_predict(model.network, model.members), model.network.config
    hear = None if model.listener is None else make_hear(model.listener.network)

    def rate(log_mel: np.ndarray) -> np.ndarray:
        described = None
        if model.descriptors is not None:
            hop_s = model.frontend["hop_length"] / model.frontend["sample_rate_hz"]
            found = describe_audio(log_mel, hop_s)
            if hear is not None:
                found |= describe_heard(heard_performance(hear_clip(hear, log_mel, model.listener), hop_s))
            described = model.descriptors.apply(in_order(found, model.descriptors.names))
        return predict_clips(
            predict, model.params, [log_mel], model.input_scale, described, config.max_frames, BATCH_SIZE
        )[0]

    return rate


def in_order(found: dict[str, float], names: tuple[str, ...]) -> np.ndarray:
    """Descriptors of one sound as a model takes them: ``[1, m]``.

    Raises:
        DataError: one that this version does not compute.
    """
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(
            f"descriptors: expected {len(names)} that this version can compute, found {len(missing)} unknown, "
            f"e.g. {missing[0]}; use the version of CrescendAI that trained the model"
        )
    return np.array([[found[name] for name in names]])
