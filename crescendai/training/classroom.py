"""Rows of `finetune.models` learn fold by fold, under one or many protocols; what came of it is kept together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from crescendai.models.checkpoint import TrainedModel
from crescendai.params import Params
from crescendai.training.instruments import COLUMNS, as_table, every_clip_on_each, rate_each_instrument
from crescendai.training.parts import Part, share_of
from crescendai.training.pupil import Pupil, learn, rate
from crescendai.training.resume import Resume
from crescendai.training.watch import Watch

KEEP_EVERY_S = 15.0  # between checkpoints: a frozen encoder's epoch is over in less time than one takes to write


@dataclass
class Classroom:
    """Teaches pupils and rates clips that they have not learned from.

    corpus: whose folder under models/ takes a batch with which training failed.
    resume: folder of checkpoints; key: of all that decides the results but the place: a killed run goes on.
    clip_ids: ``[clip]``.
    models, predictions, curves: of what was examined.
    """

    corpus: str
    params: Params
    pretrained: TrainedModel
    clip_ids: np.ndarray
    resume: Path
    key: dict
    models: dict[str, TrainedModel] = field(default_factory=dict)
    predictions: list[pd.DataFrame] = field(default_factory=list)
    curves: list[pd.DataFrame] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)

    def examine(self, name: str, pupil: Pupil, part: Part, keep: bool) -> None:
        """Teaches a row, and keeps its curve, its ratings of the held-out clips and, if asked to, the network."""
        trained, curve = self.teach(pupil, part, f"{name}, {part.where}")
        if keep:
            self.models[model_name(name, part)] = trained
        self.predictions.append(self.rate(pupil, trained, part).assign(protocol=part.protocol, model=name))
        self.curves.append(pd.DataFrame(curve).assign(protocol=part.protocol, model=name, fold=part.fold))

    def teach(self, pupil: Pupil, part: Part, where: str) -> tuple[TrainedModel, list[dict]]:
        """The network that has learned from a part, and its curve."""
        resume = Resume(self.resume, self.key | {"where": where})
        self.watches.append(Watch(Path("models") / self.corpus, resume, KEEP_EVERY_S))
        return learn(pupil, part.training, part.validation, self.pretrained, self.params, where, self.watches[-1])

    def rate(self, pupil: Pupil, trained: TrainedModel, part: Part) -> pd.DataFrame:
        """Ratings of the held-out clips: clip_id, fold, a column a target."""
        rated = dict(zip(pupil.targets.names, rate(pupil, trained, part.held_out).T, strict=True))
        return pd.DataFrame({"clip_id": self.clip_ids[part.held_out], "fold": part.fold} | rated)

    def done(self) -> None:
        """Forgets the checkpoints: all results are on disk."""
        for watch in self.watches:
            watch.done()


def model_name(name: str, part: Part) -> str:
    """What the network of a row is called that has learned from a part."""
    return f"{name}-{part.protocol}-fold{part.fold}"


def on_shares(
    room: Classroom, name: str, pupil: Pupil, parts: Sequence[Part], group_of_clip: np.ndarray, shares: Sequence[float]
) -> Iterator[pd.DataFrame]:
    """Ratings by networks that were taught on shares of the clips, in as many steps, and on all.

    name: of the row, whose networks of these parts were kept.

    Yields:
        A table a share and part: check, such as ``50%``, num_clips (that taught), clip_id, fold, a column a target.
    """
    known = np.isfinite(pupil.clips.ratings)
    for share, part in product((*shares, 1.0), parts):
        fewer = part if share == 1 else share_of(part, group_of_clip, known, share, room.params.seed)
        if share == 1:
            trained = room.models[model_name(name, part)]
        else:
            longer = round(pupil.schedule.max_epochs * len(part.training) / len(fewer.training))
            patient = pupil._replace(schedule=replace(pupil.schedule, max_epochs=longer))
            trained, _ = room.teach(patient, fewer, f"{name}, {share:.2%} of the clips, {part.where}")
        yield room.rate(pupil, trained, part).assign(check=f"{share:.0%}", num_clips=len(fewer.training))


def on_shuffled_ratings(
    room: Classroom, name: str, pupil: Pupil, parts: Sequence[Part], fold_of_clip: np.ndarray
) -> Iterator[pd.DataFrame]:
    """Ratings by networks that were taught that each clip was rated as another of its fold, and are asked for just
    that. Of clips kept out they can know nothing; if they do, clips were not kept out.

    fold_of_clip: ``[clip]`` of the parts' protocol. Yields tables as of `on_shares`, check ``shuffled``.
    """
    clips, order = pupil.clips, np.arange(len(fold_of_clip))
    # Among clips that lack the same ratings, so that no target is left without.
    alike = pd.DataFrame(np.isnan(clips.ratings)).assign(fold=fold_of_clip)
    for own in alike.groupby(list(alike)).indices.values():
        order[own] = np.random.default_rng([room.params.seed, own[0]]).permutation(own)
    shuffled = pupil._replace(clips=replace(
        clips, ratings=clips.ratings[order], num_raters=clips.num_raters[order],
        rater_variance=clips.rater_variance[order],
    ))  # fmt: skip
    for part in parts:
        trained, _ = room.teach(shuffled, part, f"{name}, shuffled ratings, {part.where}")
        asked_for = room.clip_ids[order[part.held_out]]
        rated = room.rate(shuffled, trained, part).assign(clip_id=asked_for)
        yield rated.assign(check="shuffled", num_clips=len(part.training))


def on_instruments(
    room: Classroom, name: str, pupil: Pupil, parts: Sequence[Part], instrument: np.ndarray
) -> pd.DataFrame:
    """Ratings of each piano by networks that were and were not taught on it: `COLUMNS` and a column a target.

    name: of the row, whose networks of these parts were kept.
    instrument: ``[recording]``. Where not every clip was heard on several pianos, the table is empty.
    """
    tables = []
    instruments = every_clip_on_each(pupil.clips, instrument)
    if not instruments:
        return pd.DataFrame(columns=[*COLUMNS, *pupil.targets.names])
    for part in parts:
        def learn_from(own: Pupil, on: str, part: Part = part) -> TrainedModel:
            return room.teach(own, part, f"{name}, {part.where}, {on}")[0]

        knows_all = room.models[model_name(name, part)]
        rated = rate_each_instrument(pupil, knows_all, instrument, instruments, learn_from, part.held_out)
        tables.append(as_table(rated, name, part.fold, room.clip_ids[part.held_out], pupil.targets.names))
    return pd.concat(tables, ignore_index=True)
