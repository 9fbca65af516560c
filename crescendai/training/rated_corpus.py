"""A rated corpus as the stages before left it: one reader for all that teach networks on it."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from crescendai.datasets.manifest import sha256_of
from crescendai.datasets.store import SpectrogramStore
from crescendai.datasets.tables import read_table
from crescendai.datasets.targets import Targets, read_targets
from crescendai.models.checkpoint import TrainedModel, load_model
from crescendai.training.clips import RatedClips

TABLES = ("clips.parquet", "ratings.parquet", "descriptors.parquet", "heard.parquet", "spectrograms/index.parquet")


class RatedCorpus(NamedTuple):
    """table: ``[clip]`` clip_id, passage, movement, player and the mean ratings. clips: the same in order, with sounds.

    inputs: checksums of the tables and of the network's weights, for checkpoints that must not outlive them.
    """

    table: pd.DataFrame
    targets: Targets
    store: SpectrogramStore
    clips: RatedClips
    pretrained: TrainedModel
    inputs: list[str]


def read_rated_corpus(folder: Path, network: Path) -> RatedCorpus:
    """Reads a corpus and the pretrained network that listened to it.

    folder: of the tables and the spectrograms. network: without suffix, see `load_model`.

    Raises:
        DataError: a file is missing or damaged, or they are not of the same clips; see `RatedClips.of`.
    """
    targets = read_targets(folder)
    files = [folder / name for name in TABLES]
    clips_file, ratings_file, descriptors_file, heard_file, _ = files
    table = read_table(clips_file, ["clip_id", "passage", "movement", "player", *targets.names])
    described = read_table(descriptors_file).merge(read_table(heard_file), on=["clip_id", "instrument"], how="left")
    store = SpectrogramStore(folder / "spectrograms")
    clips = RatedClips.of(table, read_table(ratings_file), store, described, targets)
    inputs = [sha256_of(file) for file in [*files, network.with_name("network.safetensors")]]
    return RatedCorpus(table, targets, store, clips, load_model(network), inputs)
