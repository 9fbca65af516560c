"""Settings of finetuning compared without a look at the outer folds: how the choices in docs/inner_folds.md are made.

The training part of every outer fold is dealt into four shares of whole groups; the first network of params.yaml, with
a frozen encoder, learns from three of them and rates the fourth. Clips of the outer fold are neither learned from
nor rated there. Rated parts are pooled: they hold about a quarter fewer clips to learn from than the outer folds, so
scores are lower, but compare.

Run    python -m benchmarks.inner_folds descriptor_dropout=0.4 head_dropout=0.2,fusion_width=256
       [--corpus percepiano] [--protocol composition] [--classical]
       Each argument is a variant of params.yaml: lr, or keys of `finetune` or of its scale, such as
       kernel_shares.harmony=0.1. --classical: beside the networks, the blend of ridge, trees and SVR on the same
       descriptors, and its mean with the first variant.
Takes  on two cores, on PercePiano five minutes to hear all clips once, and a minute a variant
Needs  dvc repro listen@percepiano, split@percepiano
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from pydantic import ValidationError
from ruamel.yaml import YAML

from crescendai.datasets.splits import NO_FOLD, deal_groups
from crescendai.datasets.tables import read_table
from crescendai.datasets.targets import Targets
from crescendai.errors import CrescendaiError, ParamsError
from crescendai.evaluation.baselines import TrainingPart, predict_baselines
from crescendai.evaluation.missing import evaluate_known
from crescendai.models.checkpoint import TrainedModel
from crescendai.params import Params, load_params
from crescendai.training.clips import RatedClips
from crescendai.training.encoded import EncodedWindows
from crescendai.training.parts import folds_of
from crescendai.training.pupil import Pupil, learn, make_pupil, rate
from crescendai.training.rated_corpus import read_rated_corpus
from crescendai.training.watch import Watch

SHARES = 4  # of the training part; with fewer groups, one a group
WATCHED = 4  # clips that the progress bar's loss is of


class Corpus(NamedTuple):
    """What all variants learn from. movement, fold, group: ``[clip]``."""

    name: str
    clips: RatedClips
    targets: Targets
    pretrained: TrainedModel
    movement: np.ndarray
    fold: np.ndarray
    group: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="*", metavar="key=value[,key=value…]")
    parser.add_argument("--corpus", default="percepiano", choices=("demo", "percepiano"))
    parser.add_argument("--protocol", default="composition", help="whose groups are kept together")
    parser.add_argument("--classical", action="store_true", help="also the classical models on the same descriptors")
    options = parser.parse_args()
    try:
        compare(options)
    except (CrescendaiError, ValidationError) as error:
        sys.exit(f"error: {error}")


def compare(options: argparse.Namespace) -> None:
    params = load_params()
    settings = {"params.yaml": params} | {text: changed(params, options.corpus, text) for text in options.variants}
    corpus = read_corpus(options.corpus, options.protocol)
    pupils, encoded = {}, None
    for name, own in settings.items():
        pupils[name] = pupil_of(name, corpus, own, encoded)
        encoded = pupils[name].encoded
    rated, predicted = [], {}
    for learning, kept in inner_parts(corpus):
        rated.append(corpus.clips.ratings[kept])
        for name, pupil in pupils.items():
            predicted.setdefault(name, []).append(taught(corpus, pupil, settings[name], learning, kept))
        if options.classical:
            blend = classical(corpus, params, learning, kept)
            predicted.setdefault("classical blend", []).append(blend)
            predicted.setdefault("mean of it and params.yaml", []).append((blend + predicted["params.yaml"][-1]) / 2)
    scores = {name: [mean_r2(*pair) for pair in zip(rated, parts, strict=True)] for name, parts in predicted.items()}
    pooled = {name: mean_r2(np.concatenate(rated), np.concatenate(parts)) for name, parts in predicted.items()}
    for name, parts in scores.items():
        print(f"{name:<44}{pooled[name]:>7.4f}   " + " ".join(f"{score:.3f}" for score in parts))
    print(json.dumps({"name": f"inner folds, {options.corpus}, {options.protocol}, R²"} | pooled))


def read_corpus(corpus: str, protocol: str) -> Corpus:
    folder = Path("data") / corpus
    rated = read_rated_corpus(folder, Path("models") / corpus / "pretrained" / "network")
    fold, group = folds_of(read_table(folder / "folds.parquet"), protocol, rated.table["clip_id"])
    movement = rated.table["movement"].to_numpy(str)
    return Corpus(corpus, rated.clips, rated.targets, rated.pretrained, movement, fold, group)


def changed(params: Params, corpus: str, text: str) -> Params:
    """params.yaml with the settings of a variant, checked as params.yaml is.

    Raises:
        ParamsError: not ``key=value``, or no such key.
    """
    values = params.model_dump()
    places = values, values["finetune"], values["scale"][corpus]["finetune"]
    for pair in text.split(","):
        key, _, value = pair.partition("=")
        *sections, name = key.split(".")
        first = key.split(".")[0]
        place = next((place for place in places if first in place and value), None)
        for section in sections:
            place = place.get(section) if isinstance(place, dict) else None
        if not isinstance(place, dict) or name not in place:
            raise ParamsError(f"variant: expected key=value of lr, finetune or its scale, found {pair!r}; correct it")
        place[name] = YAML(typ="safe", pure=True).load(value)
    return Params.model_validate(values)


def pupil_of(name: str, corpus: Corpus, params: Params, encoded: EncodedWindows | None) -> Pupil:
    row = next(iter(params.finetune.models.values()))
    scale = getattr(params.scale, corpus.name).finetune
    return make_pupil(name, row, corpus.clips, corpus.targets, corpus.pretrained, scale, params, encoded)


def inner_parts(corpus: Corpus) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions of the clips to learn from and of those to rate, for every outer fold."""
    for number in np.unique(corpus.fold[corpus.fold >= 0]):
        rest = np.flatnonzero((corpus.fold != number) & (corpus.fold != NO_FOLD))
        groups = corpus.group[rest]
        shares = min(SHARES, len(np.unique(groups)))
        kept = deal_groups(groups.tolist(), shares, int(number), corpus.movement[rest].tolist()) == 0
        yield rest[~kept], rest[kept]


def taught(corpus: Corpus, pupil: Pupil, params: Params, learning: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Ratings of the kept clips."""
    with TemporaryDirectory() as folder:
        watched = learning[:WATCHED]  # the last weights count, whatever it says
        trained, _ = learn(pupil, learning, watched, corpus.pretrained, params, "inner", Watch(Path(folder)))
    return rate(pupil, trained, kept)


def classical(corpus: Corpus, params: Params, learning: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Ratings of the kept clips by the blend of stage baselines, on the sound and what was heard, mean of pianos."""
    descriptors = corpus.clips.descriptors
    filled = np.where(np.isfinite(descriptors), descriptors, np.nanmedian(descriptors, axis=0))
    features = np.stack([filled[rows].mean(axis=0) for rows in corpus.clips.recordings])
    part = TrainingPart(features[learning], corpus.clips.ratings[learning], corpus.group[learning])
    own = params.baselines
    return predict_baselines(part, features[kept], own.ridge_alphas, own.svr_c, own.trees, params.seed)["blend"]


def mean_r2(rated: np.ndarray, predicted: np.ndarray) -> float:
    return float(evaluate_known(rated, predicted)["r2"].mean())


if __name__ == "__main__":
    main()
