"""baselines: classical models on descriptors of the sound and of the MIDI, out of fold.

Reads    data/<corpus>/clips.parquet, targets.json, folds.parquet, descriptors.parquet
Writes   data/<corpus>/predictions/baselines.parquet   ratings of each clip, out of fold
Run      python -m stages.baselines <corpus>
Takes    on two cores: the demo corpus half a minute, PercePiano two minutes to six, 1.1 GB
Expect   PercePiano, R² of audio_blend and midi_blend: composition 0.49 and 0.56, passage 0.41 and 0.50

mean_rater answers the training part's mean. audio_… models see what the network hears, as a mean over the pianos
where there are several; midi_… models see every key and pedal movement as it was played, which no listener does: a
bound, not a rival. A corpus with recordings, whose keys nobody knows, has no midi_… models.
"""

from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from crescendai.datasets.splits import NO_FOLD, all_protocols, protocol_name
from crescendai.datasets.tables import read_table, write_table
from crescendai.datasets.targets import read_targets
from crescendai.errors import DataError
from crescendai.evaluation.baselines import TrainingPart, predict_baselines, predict_mean_rater
from crescendai.midi.descriptors import describe_performance
from crescendai.midi.notes import read_midi
from crescendai.params import Baselines as BaselineSettings
from crescendai.params import Params
from stages import run_stage

MEAN_RATER = "mean_rater"


class Task(NamedTuple):
    """One fold of one protocol, seen through one kind of descriptor."""

    protocol: str
    fold: int
    sense: str


def main(corpus: str, params: Params) -> None:
    folder = Path("data") / corpus
    names = list(read_targets(folder).names)
    clips = read_table(folder / "clips.parquet", ["clip_id", "midi", *names])
    ratings = clips.set_index("clip_id")[names]
    folds = read_table(folder / "folds.parquet")
    protocols = [
        protocol_name(spec)
        for spec in all_protocols(getattr(params.scale, corpus).protocols, params.split_of(corpus))
    ]
    absent = sorted(set(protocols) - set(folds["protocol"]))
    if absent:
        raise DataError(
            f"{folder}/folds.parquet: expected protocols {protocols}, {absent} not found; run stage `split`"
        )

    # ---- what the models see: one table a sense, rows by clip ----
    heard = read_table(folder / "descriptors.parquet").drop(columns="instrument").set_index("clip_id")
    check_descriptors(heard, ratings.index, f"{folder}: audio descriptors")
    features = {"audio": heard.groupby(level="clip_id", sort=False).mean()}  # over the pianos that a clip was played on
    recorded = int(clips["midi"].isna().sum())
    if recorded:
        print(f"{recorded} of {len(clips)} clips are recordings, without MIDI: no models of the MIDI")
    else:
        described = joblib.Parallel(n_jobs=-1)(
            joblib.delayed(describe_midi)(*row)
            for row in tqdm(clips[["clip_id", "midi"]].values, "MIDI descriptors", unit="clip")
        )
        features["midi"] = pd.DataFrame(described, index=clips["clip_id"])
        check_descriptors(features["midi"], ratings.index, f"{folder}: midi descriptors")

    # ---- every fold of every protocol, on all cores, in this order ----
    used = {protocol: own[own["fold"] != NO_FOLD] for protocol, own in folds.groupby("protocol")}
    tasks = [
        Task(protocol, int(fold), sense)
        for protocol in protocols
        for fold in np.unique(used[protocol]["fold"])
        if fold >= 0
        for sense in features
    ]
    results = joblib.Parallel(n_jobs=-1, return_as="generator")(
        joblib.delayed(predict_fold)(
            features[task.sense], ratings, used[task.protocol], task.fold, params.baselines, params.seed
        )
        for task in tasks
    )
    tables = []
    for task, predicted in zip(tasks, tqdm(results, "baselines", len(tasks), unit="fold"), strict=True):
        for name, table in predicted.items():
            model = name
            if name != MEAN_RATER:
                model = f"{task.sense}_{model}"
            elif task.sense != "audio":
                continue  # it sees nothing: once is enough
            tables.append(table.reset_index().assign(protocol=task.protocol, model=model, fold=task.fold))

    columns = ["protocol", "model", "clip_id", "fold", *names]
    write_table(pd.concat(tables)[columns], folder / "predictions" / "baselines.parquet")


def describe_midi(clip_id: str, midi: bytes) -> dict[str, float]:
    """Descriptors of one performance."""
    return describe_performance(read_midi(midi, clip_id))


def check_descriptors(table: pd.DataFrame, clip_ids: pd.Index, source: str) -> None:
    """Refuses descriptors of other clips, of some clips only, or that are not finite.

    Raises:
        DataError: names the clips or the column.
    """
    differing = sorted(set(clip_ids) ^ set(table.index))
    if differing:
        raise DataError(
            f"{source}: expected the clips of clips.parquet, found {len(differing)} in only one of the two, "
            f"e.g. {', '.join(differing[:3])}; run stage `spectrograms` again"
        )
    bad = ~np.isfinite(table.to_numpy(float))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            f"{source}: expected finite numbers, found {table.iat[row, column]} in {table.columns[column]} "
            f"of {table.index[row]} ({int(bad.sum())} in all); look at that clip and run the stage again"
        )


def predict_fold(
    table: pd.DataFrame,
    ratings: pd.DataFrame,
    used: pd.DataFrame,
    fold: int,
    settings: BaselineSettings,
    seed: int,
) -> dict[str, pd.DataFrame]:
    """Predictions of every model for the clips of one fold, made from the other folds."""
    own = used.set_index("clip_id")
    train = table[table.index.map(own["fold"]).notna() & (table.index.map(own["fold"]) != fold)]
    test = table[table.index.map(own["fold"]) == fold]
    part = TrainingPart(
        features=train.to_numpy(float),
        ratings=ratings.loc[train.index].to_numpy(float),
        groups=own.loc[train.index, "group"].to_numpy(str),
    )
    predicted = {MEAN_RATER: predict_mean_rater(part.ratings, len(test))} | predict_baselines(
        part, test.to_numpy(float), settings.ridge_alphas, settings.svr_c, settings.trees, seed
    )
    return {
        model: pd.DataFrame(values, index=test.index, columns=ratings.columns) for model, values in predicted.items()
    }


if __name__ == "__main__":
    run_stage(main, __doc__)
