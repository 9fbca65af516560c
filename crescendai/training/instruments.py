"""Does a network rate a piano that it was not taught on? It learns on all pianos but one, and rates that one.

A piano in a room is the same piano: what learns without it has heard it in no room.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from crescendai.audio.instruments import IN
from crescendai.models.checkpoint import TrainedModel
from crescendai.training.clips import RatedClips
from crescendai.training.pupil import Pupil, rate

ALL, OTHERS = "all", "others"  # what a network was taught on: every piano, or every one but that which it rates
COLUMNS = ["model", "instrument", "taught_on", "clip_id", "fold"]  # and a column a target


def every_clip_on_each(clips: RatedClips, instrument: np.ndarray) -> list[str]:
    """The instruments, if they are several pianos and every clip was heard on each; else none.

    instrument: name of every recording's ``[recording]``.
    """
    names = list(dict.fromkeys(instrument))
    complete = all(set(instrument[own]) == set(names) for own in clips.recordings)
    return names if len(set(map(piano_of, names))) > 1 and complete else []


def piano_of(instrument: str) -> str:
    """Its name without that of a room."""
    return instrument.partition(IN)[0]


def heard_on(pupil: Pupil, instrument: np.ndarray, names: Sequence[str]) -> Pupil:
    """The same row, learning from and rating the recordings on some instruments only."""
    recordings = [own[np.isin(instrument[own], names)] for own in pupil.clips.recordings]
    return pupil._replace(clips=replace(pupil.clips, recordings=recordings))


def rate_each_instrument(
    pupil: Pupil, knows_all: TrainedModel, instrument: np.ndarray, names: Sequence[str],
    learn_from: Callable[[Pupil, str], TrainedModel], held_out: np.ndarray,
) -> list[tuple[str, str, np.ndarray]]:  # fmt: skip
    """One fold: ratings of its clips on each instrument, by a network taught on all and by one taught on the others.

    knows_all: the row's network, taught on every instrument.
    learn_from: trains it on the fold's training part; the text says what it is taught on.
    held_out: positions of the fold's clips.

    Returns:
        (instrument rated, `ALL` or `OTHERS`, ratings ``[clip, k]``).
    """
    rated = []
    for piano in dict.fromkeys(map(piano_of, names)):
        others = [name for name in names if piano_of(name) != piano]
        knows_others = learn_from(heard_on(pupil, instrument, others), f"without {piano}")
        for name in names:
            if piano_of(name) == piano:
                own = heard_on(pupil, instrument, [name])
                rated += [(name, who, rate(own, knows, held_out))
                          for who, knows in ((ALL, knows_all), (OTHERS, knows_others))]  # fmt: skip
    return rated


def as_table(
    rated: list[tuple[str, str, np.ndarray]], model: str, fold: int, clip_ids: np.ndarray, targets: Sequence[str]
) -> pd.DataFrame:
    """The ratings of `rate_each_instrument` as rows with `COLUMNS`."""
    return pd.concat(
        pd.DataFrame({"model": model, "instrument": name, "taught_on": taught_on, "clip_id": clip_ids, "fold": fold,
                      **dict(zip(targets, values.T, strict=True))})
        for name, taught_on, values in rated
    )  # fmt: skip
