"""Sections: stretches of a recording as long as the clips that the model learned from.

Ratings are of a clip as a whole. PercePiano's clips last 12 s in the median, and what describes a clip (its
length, how its tempo moves, how it closes) means something else over an hour. So a long recording is rated in
sections of that length, half of each in common with the next, and every second of it counts the same.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

SECTION_S = 12.0  # median of the rated clips
HOP_S = 6.0  # every moment is heard in two sections, at a border of at most one
SILENCE_DB = -70.0  # a frame's level below which nothing is heard, as in crescendai.audio.descriptors
MIN_SOUNDING_S = 1.0  # a section with less sound is not rated: it would say how silence is played


@dataclass(frozen=True)
class Section:
    """A stretch of a recording.

    first_frame: in the recording. log_mel: ``[t, f]`` dB.
    """

    first_frame: int
    log_mel: np.ndarray


def cut_sections(blocks: Iterable[np.ndarray], section_frames: int, hop_frames: int) -> Iterator[Section]:
    """Sections of a spectrogram that arrives in blocks; memory for one section and one block.

    All are ``section_frames`` long and start ``hop_frames`` apart, but for the end: a rest of up to half a hop makes
    the last section longer, after a longer one comes a section that ends with the recording. A recording shorter
    than a section is one section.

    blocks: ``[t, f]`` each.
    """
    held: np.ndarray | None = None
    first = 0  # the frame that `held` starts with
    for block in blocks:
        held = block if held is None else np.concatenate([held, block])
        while len(held) >= section_frames + hop_frames:  # enough is left for the last section, whatever comes
            yield Section(first, held[:section_frames])
            first, held = first + hop_frames, held[hop_frames:]
    if held is None:
        return
    if len(held) <= section_frames + hop_frames // 2:
        yield Section(first, held)
        return
    yield Section(first, held[:section_frames])
    yield Section(first + len(held) - section_frames, held[-section_frames:])


def sounding(log_mel: np.ndarray) -> np.ndarray:
    """Frames in which something is heard: ``[t, f]`` dB -> bool ``[t]``."""
    level = np.logaddexp.reduce(log_mel.astype(np.float64) * (np.log(10.0) / 10.0), axis=1)
    return level > SILENCE_DB * (np.log(10.0) / 10.0)


def section_weights(first_frames: np.ndarray, lengths: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """How much each section counts: the share of the sounding time that it is the nearest to.

    However sections overlap, every sounding moment counts once, for the section in whose middle it lies nearest:
    a duration-weighted mean. Without it a last section that was moved back would count a moment twice.

    first_frames, lengths: ``[section]``. heard: bool ``[t]`` of the whole recording.

    Returns:
        ``[section]``, sum 1. Zeros if nothing sounds.
    """
    centres = first_frames + lengths / 2
    borders = (centres[1:] + centres[:-1]) / 2
    owner = np.searchsorted(borders, np.flatnonzero(heard) + 0.5)
    counts = np.bincount(owner, minlength=len(centres)).astype(np.float64)
    return counts / max(counts.sum(), 1.0)
