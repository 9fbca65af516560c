"""Which patches are hidden while a network teaches itself: drawn on the host, in exact numbers."""

import numpy as np


def cluster_mask(
    time_patches: int, mel_patches: int, num_masked: int, cluster: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Hides squares of neighbouring patches until exactly ``num_masked`` are hidden: bool ``[n]``.

    A side is drawn for the clip, a place for each square; of the last square only as much is hidden as is
    still missing. Single patches could be guessed from their neighbours; clusters ask for structure
    (SSAST, arXiv 2110.09784, section 2.2). Every patch can be hidden, the first one too. Where patches are as
    high as the spectrogram, squares are stretches of time.

    cluster: smallest and largest side, in patches, 3 and 5 in the paper.
    """
    side = int(rng.integers(cluster[0], cluster[1] + 1))
    hidden = np.zeros((time_patches, mel_patches), bool)
    while (missing := num_masked - int(hidden.sum())) > 0:
        # Corners may lie outside, so that patches at the border are hidden as often as others.
        first = rng.integers(1 - side, [time_patches, mel_patches])
        time, mel = (slice(max(corner, 0), corner + side) for corner in first)
        fresh = np.argwhere(~hidden[time, mel])[:missing]
        hidden[time, mel][tuple(fresh.T)] = True
    return hidden.ravel()


def mask_order(masks: np.ndarray) -> np.ndarray:
    """Patches with the visible ones first, each part in order: bool ``[b, n]`` -> int32 ``[b, n]``."""
    return np.argsort(masks, axis=1, kind="stable").astype(np.int32)
