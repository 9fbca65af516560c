"""ship: the main network learns from every rated clip, and is packed for use.

Reads    data/<corpus>/clips.parquet, targets.json, ratings.parquet, spectrograms/, descriptors.parquet,
         heard.parquet, predictions/networks.parquet; models/<corpus>/pretrained/network.*; metrics/<corpus>.json
Writes   models/<corpus>/shipped/   network, listener, intervals, card and checksums, as crescendai.shipped reads them
Run      dvc repro -s shipping/dvc.yaml:ship@<corpus>; `make ship` puts PercePiano's into the package
Takes    on two cores: PercePiano on three pianos 90 s to six minutes, the demo corpus seconds
Expect   PercePiano: some 14 MB

The network is the first of `finetune.models`, which is scored out of fold by stage evaluate. Here it keeps nothing
apart: it has no score of its own. Half widths of its intervals are measured on the out-of-fold predictions of its
fellows, under the protocol `evaluate.intervals_from`.
"""

import json
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from crescendai.datasets.splits import protocol_name
from crescendai.datasets.tables import read_table
from crescendai.dimensions import NAMES
from crescendai.errors import DataError
from crescendai.evaluation.intervals import half_widths, out_of_fold_coverage
from crescendai.model_card import Facts, model_card
from crescendai.models.checkpoint import TrainedModel, in_precision
from crescendai.models.rating import make_rate
from crescendai.params import Params
from crescendai.shipped import Intervals, pack_model
from crescendai.training.pupil import learn, make_pupil
from crescendai.training.rated_corpus import read_rated_corpus
from crescendai.training.resume import Resume, code_sha256
from crescendai.training.watch import Watch
from stages import run_stage

RESUME = Path("models/.resume")
SAMPLE = 16  # clips on which half precision is compared


def main(corpus: str, params: Params) -> None:
    # ---- Inputs ---------------------------------------------------------------------------------
    folder, shipped = Path("data") / corpus, Path("models") / corpus / "shipped"
    network = Path("models") / corpus / "pretrained" / "network"
    table, targets, store, clips, pretrained, inputs = read_rated_corpus(folder, network)
    if targets.names != NAMES:
        raise DataError(f"{folder}: expected ratings of all {len(NAMES)} dimensions to ship a model, found "
                        f"{len(targets.names)} targets; ship demo or percepiano")

    # ---- Training on all clips --------------------------------------------------------------------
    name, row = next(iter(params.finetune.models.items()))
    scale = getattr(params.scale, corpus).finetune
    pupil = make_pupil(name, row, clips, targets, pretrained, scale, params)
    everything = np.arange(len(table))
    watched = everything[:: max(len(table) // SAMPLE, 1)]  # learned from as well: the curve only says that it learns
    key = {"where": "ship", "finetune": params.finetune.model_dump(), "lr": params.lr, "seed": params.seed,
           "scale": scale.model_dump(), "code": code_sha256("crescendai/models", "crescendai/training"),
           "inputs": inputs}  # fmt: skip
    watch = Watch(Path("models") / corpus, Resume(RESUME, key))
    trained, _ = learn(pupil, everything, watched, pretrained, params, "ship", watch)

    # ---- What is known of it ----------------------------------------------------------------------
    coverage, asked = params.evaluate.coverage, params.evaluate.intervals_from
    error, groups, fold = out_of_fold_errors(folder, table, asked, name)
    intervals = Intervals(coverage, by_name(half_widths(error, groups, coverage)))
    held = by_name(out_of_fold_coverage(error, groups, fold, coverage)[0])
    first = protocol_name(params.split_of(corpus)[0])
    error, groups, _ = out_of_fold_errors(folder, table, first, name)
    known = by_name(half_widths(error, groups, coverage))
    rated = table[list(NAMES)].to_numpy(float)
    guess = half_widths(rated - rated.mean(axis=0), table["passage"].to_numpy(str), coverage).mean()
    facts = Facts(
        corpus, version("crescendai"), corpus, len(table),
        table["passage"].nunique(), table["player"].nunique(), tuple(store.index["instrument"].unique()),
        pretraining_words(corpus, params), name, getattr(trained.network, "kernel_weight", 0.0), asked, first,
        params.evaluate.confidence, coverage, intervals.half_width, held, known, float(guess),
        rounding(trained, [store.clip(int(clips.recordings[clip][0])) for clip in watched]),
    )  # fmt: skip

    # ---- Output -----------------------------------------------------------------------------------
    card = model_card(facts, json.loads((Path("metrics") / f"{corpus}.json").read_text()))
    shutil.rmtree(shipped, ignore_errors=True)
    pack_model(trained, intervals, card, facts.name, facts.version, shipped, "float16")
    watch.done()
    size_mb = sum(file.stat().st_size for file in shipped.iterdir()) / 1e6
    print(f"{shipped}: {size_mb:.1f} MB; half precision changes a rating by at most {facts.rounding:.4f}")


def out_of_fold_errors(
    folder: Path, clips: pd.DataFrame, protocol: str, network: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors ``[b, k]``, passages and folds of the clips that a protocol scores.

    Raises:
        DataError: the network was not taught under that protocol.
    """
    file = folder / "predictions" / "networks.parquet"
    predicted = read_table(file)
    own = predicted[(predicted["protocol"] == protocol) & (predicted["model"] == network)].set_index("clip_id")
    if own.empty:
        raise DataError(
            f"{file}: expected predictions of {network} under {protocol}, found none; give evaluate.intervals_from "
            f"one of {', '.join(predicted['protocol'].unique())}"
        )
    rated = clips.set_index("clip_id").loc[own.index]
    error = own[list(NAMES)].to_numpy(float) - rated[list(NAMES)].to_numpy(float)
    return error, rated["passage"].to_numpy(str), own["fold"].to_numpy(int)


def by_name(values: np.ndarray) -> dict[str, float]:
    """``[k]`` values by the names of the dimensions."""
    return dict(zip(NAMES, values.tolist(), strict=True))


def pretraining_words(corpus: str, params: Params) -> str:
    settings = getattr(params.scale, corpus).pretraining
    on = f"played on {', '.join(settings.instruments)}"
    if hasattr(settings, "hours"):
        return f"`{params.pretrain.objective}` on {settings.hours:g} hours of MAESTRO, {on}"
    return f"`{params.pretrain.objective}` on the demo corpus's other players, {on}"


def rounding(trained: TrainedModel, log_mels: list[np.ndarray]) -> float:
    """Largest difference to a rating that half precision makes."""
    whole, half = make_rate(trained), make_rate(in_precision(trained, np.float16))
    return max(float(np.abs(whole(log_mel) - half(log_mel)).max()) for log_mel in log_mels)


if __name__ == "__main__":
    run_stage(main, __doc__, compiles=True)
