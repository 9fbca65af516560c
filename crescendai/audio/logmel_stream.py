"""A log-mel spectrogram of a recording that arrives in blocks, frame for frame that of the whole."""

from collections.abc import Iterable, Iterator

import numpy as np

from crescendai.audio.logmel import log_mel_spectrogram, num_frames
from crescendai.errors import DataError


def log_mel_blocks(blocks: Iterable[np.ndarray], frontend: dict[str, float | str]) -> Iterator[np.ndarray]:
    """Float32 ``[t, f]`` in dB, in stretches of a few hundred frames; together `log_mel_spectrogram` of the whole.

    blocks: mono samples ``[samples]`` at ``frontend``'s rate. frontend: of a trained model, kind ``logmel``.

    Raises:
        DataError: another kind of frontend.
    """
    settings = dict(frontend)
    if settings.pop("kind", None) != "logmel":
        raise DataError(
            f"frontend: expected a model that hears log-mel spectrograms, found {frontend.get('kind')!r}; "
            "give a model that the stage `finetune` trained"
        )
    hop = settings["hop_length"]
    reach = -(-settings["n_fft"] // 2 // hop)  # frames to either side that a frame's window touches
    held, first, done, total = np.zeros(0, np.float32), 0, 0, 0  # samples from frame `first` on; frames given out
    for block in blocks:
        held, total = np.concatenate([held, block]), total + len(block)
        ready = num_frames(total, hop) - 1 - reach
        if ready > done:
            yield log_mel_spectrogram(held, **settings)[done - first : ready - first]
            done = ready
            drop = max(done - reach, first) - first
            held, first = held[drop * hop :], first + drop
    if total:
        yield log_mel_spectrogram(held, **settings)[done - first :]
