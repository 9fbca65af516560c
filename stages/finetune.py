"""finetune: networks learn from the ratings and predict every clip out of fold.

Reads    data/<corpus>/clips.parquet, targets.json, ratings.parquet, folds.parquet, spectrograms/, descriptors.parquet,
         heard.parquet; models/<corpus>/pretrained/network.*
Writes   data/<corpus>/predictions/networks.parquet    ratings of each clip, out of fold
         data/<corpus>/predictions/instruments.parquet likewise, by networks that were not taught on the piano they rate
         data/<corpus>/predictions/checks.parquet      likewise, by networks taught on fewer clips, or shuffled ratings
         data/<corpus>/curves.parquet                  a row an epoch: losses, learning rate, speed
         plots/<corpus>/curves.csv                     the same without the speed, for git
         models/<corpus>/finetuned/<model>-<protocol>-fold<k>.*   weights (safetensors), description (JSON)
Run      python -m stages.finetune <corpus>
Takes    on two cores: the demo corpus two minutes, PercePiano on three pianos seven minutes to half an hour (an
         encoder that learns takes minutes an epoch and fold); killed, it goes on where it was
Expect   PercePiano, composition, R² of hybrid: see metrics/<corpus>.json

`finetune.models` lists the networks: with or without pretraining, with or without named descriptors. For each of
them, each protocol of `split` and each fold, whole groups of the training part are kept apart; the network learns
from random windows of the others, and predicts the fold, whose ratings nothing here has looked at. With a frozen
encoder the last weights are kept, else those of the best loss on what was kept apart. Losses are on standardised
ratings: the mean rater's squared error is 1, and 1 - error is about R². With `finetune.kernel_weight`, kernel ridge
regression on what a frozen encoder hears is solved for beside each network, and both rate together.

`finetune.checks` say how far the first row can be trusted: it learns under all protocols of the corpus; under the
first one, from shares of the clips, and from ratings of other clips. Where every clip was heard on several pianos, it
learns on all of them but one, and rates that one. Everything is written at the end; of the networks, those of the
protocols of `split`.
"""

from pathlib import Path

import pandas as pd

from crescendai.datasets.manifest import sha256_of
from crescendai.datasets.splits import all_protocols, protocol_name
from crescendai.datasets.tables import read_table, write_table
from crescendai.datasets.texts import write_texts
from crescendai.models.checkpoint import save_model
from crescendai.params import Params
from crescendai.training.classroom import Classroom, on_instruments, on_shares, on_shuffled_ratings
from crescendai.training.parts import folds_of, parts_of
from crescendai.training.pupil import make_pupil
from crescendai.training.rated_corpus import read_rated_corpus
from crescendai.training.resume import code_sha256
from stages import run_stage

RESUME = Path("models/.resume")
CURVES_CSV = ["protocol", "model", "fold", "epoch", "train_loss", "validation_loss", "learning_rate"]


def main(corpus: str, params: Params) -> None:
    # ---- Inputs ---------------------------------------------------------------------------------
    folder, scale, checks = Path("data") / corpus, getattr(params.scale, corpus), params.finetune.checks
    models = Path("models") / corpus
    table, targets, store, clips, pretrained, inputs = read_rated_corpus(folder, models / "pretrained" / "network")
    folds = read_table(folder / "folds.parquet")
    key = {"finetune": params.finetune.model_dump(), "lr": params.lr, "seed": params.seed,
           "scale": scale.finetune.model_dump(), "inputs": [*inputs, sha256_of(folder / "folds.parquet")],
           "code": code_sha256("crescendai/models", "crescendai/training")}  # fmt: skip
    room = Classroom(corpus, params, pretrained, table["clip_id"].to_numpy(), RESUME, key)

    # ---- Every row on every fold, the first one under every protocol -------------------------------
    split = params.split_of(corpus)
    everywhere = all_protocols(split, scale.protocols) if checks.every_protocol else split
    parts = {
        spec: parts_of(folds, protocol_name(spec), table, params.finetune.validation_fraction, params.seed)
        for spec in everywhere
    }
    pupils, encoded_by = {}, {}  # what a frozen encoder heard: the pretrained one, and the one that never learned
    for name, row in params.finetune.models.items():
        encoded = encoded_by.get(row.pretrained) if row.frozen else None
        pupil = pupils[name] = make_pupil(name, row, clips, targets, pretrained, scale.finetune, params, encoded)
        if row.frozen:
            encoded_by[row.pretrained] = pupil.encoded
        for spec in split if len(pupils) > 1 else everywhere:
            for part in parts[spec]:
                room.examine(name, pupil, part, keep=spec in split)

    # ---- How far the first row can be trusted, under the first protocol -----------------------------
    name, pupil = next(iter(pupils.items()))
    fold_of_clip, group_of_clip = folds_of(folds, protocol_name(split[0]), table["clip_id"])
    asked = (room, name, pupil, parts[split[0]])
    found = [pd.DataFrame(columns=["check", "num_clips", "clip_id", "fold", *targets.names])]
    if checks.shares:
        found += on_shares(*asked, group_of_clip, checks.shares)
    if checks.shuffled_ratings:
        found += on_shuffled_ratings(*asked, fold_of_clip)
    checked = pd.concat(found[1:] or found, ignore_index=True)[found[0].columns]
    instruments = on_instruments(*asked, store.index["instrument"].to_numpy(str))

    # ---- Outputs --------------------------------------------------------------------------------
    for name, trained in room.models.items():
        save_model(trained, models / "finetuned" / name, models / "pretrained" / "network")
    curves = pd.concat(room.curves, ignore_index=True)
    write_table(curves, folder / "curves.parquet")
    shared = curves[curves["protocol"].isin([protocol_name(spec) for spec in split])]
    csv = shared[CURVES_CSV].to_csv(index=False, float_format="%.4g", lineterminator="\n")
    write_texts({Path("plots") / corpus / "curves.csv": csv})
    columns = ["protocol", "model", "clip_id", "fold", *targets.names]
    networks = pd.concat(room.predictions, ignore_index=True)[columns]
    for table_name, rows in (("networks", networks), ("checks", checked), ("instruments", instruments)):
        write_table(rows, folder / "predictions" / f"{table_name}.parquet")
    room.done()


if __name__ == "__main__":
    run_stage(main, __doc__, compiles=True)
