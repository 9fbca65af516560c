"""Which excerpts hold the same stretch of music, found from the notes themselves.

PercePiano's 16-bar excerpts contain, note for note and velocity for velocity, the recordings of two
8-bar excerpts, and some of its 8-bar excerpts are repeats of a rondo theme. Folds that only keep
(piece, segment) together therefore put the same sound into training and test. Here excerpts that
share music are merged into one *passage*.
"""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from crescendai.midi.notes import Performance

RUN_NOTES = 8  # equal (pitch, velocity) eight times in a row is no chance
SHARED_FRACTION = 0.2  # of the shorter clip's runs; half a 16-bar excerpt is 0.5, chance is 0


def runs_of(performance: Performance) -> set[bytes]:
    """All runs of eight successive (pitch, velocity) pairs of a performance, as bytes."""
    pairs = np.stack([performance.pitch, performance.velocity], axis=1).astype(np.uint8)
    return {pairs[start : start + RUN_NOTES].tobytes() for start in range(len(pairs) - RUN_NOTES + 1)}


def merged_passages(runs: Mapping[str, set[bytes]], excerpts: Mapping[str, str]) -> dict[str, str]:
    """Merges excerpts that share music.

    runs: clip -> its runs of notes, see `runs_of`.
    excerpts: clip -> the excerpt that it is a performance of.

    Returns:
        excerpt -> passage, named after the passage's first excerpt. Two excerpts are in one passage
        if any clip of one shares a fifth of its runs with a clip of the other, directly or through
        others (connected components).
    """
    clips_of_run: dict[bytes, list[str]] = defaultdict(list)
    for clip, own in runs.items():
        for run in own:
            clips_of_run[run].append(clip)
    shared: dict[tuple[str, str], int] = defaultdict(int)
    for clips in clips_of_run.values():
        clips.sort()
        for position, later in enumerate(clips):
            for earlier in clips[:position]:
                if excerpts[earlier] != excerpts[later]:
                    shared[earlier, later] += 1
    parent = {excerpt: excerpt for excerpt in excerpts.values()}

    def root(excerpt: str) -> str:
        while parent[excerpt] != excerpt:
            excerpt = parent[excerpt]
        return excerpt

    for (one, other), count in shared.items():
        if count >= SHARED_FRACTION * min(len(runs[one]), len(runs[other])):
            first, second = sorted((root(excerpts[one]), root(excerpts[other])))
            parent[second] = first
    return {excerpt: root(excerpt) for excerpt in parent}
