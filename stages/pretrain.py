"""pretrain: the network learns to hear from music that nobody rated.

Reads    data/<corpus>/pretraining/   spectrograms of stage pretraining_corpus, and what is played in them
Writes   models/<corpus>/pretrained/network.*   weights and their description
         metrics/<corpus>-pretrain.json         the pretext on held-out music, against guesses that know nothing
         plots/<corpus>/pretrain.csv            a row for every look at held-out music
         data/<corpus>/pretext.npz              some held-out windows, and what the network made of them
Run      python -m stages.pretrain <corpus>
Takes    on two cores: PercePiano 70 minutes on fast ones, three hours on slow ones, the demo corpus half a minute;
         killed, it goes on where it was
Expect   PercePiano, transcribe: held-out loss about 0.28 of what a constant guess loses

`pretrain.objective` chooses the pretext, see crescendai/training/pretexts.py.
"""

from dataclasses import asdict
from pathlib import Path

import jax
import numpy as np
import pandas as pd

from crescendai.datasets.manifest import sha256_of
from crescendai.datasets.store import SpectrogramStore
from crescendai.datasets.tables import read_table
from crescendai.datasets.texts import write_texts
from crescendai.evaluation.results import csv_text, json_text
from crescendai.models.checkpoint import TrainedModel, example_input, flatten, save_model
from crescendai.models.presets import BackboneConfig
from crescendai.models.windows import InputScale
from crescendai.params import Params
from crescendai.training.optimizer import make_optimizer
from crescendai.training.pretext_report import held_out_scores, pretext_pictures
from crescendai.training.pretexts import MASKED_OBJECTIVES, Excerpts, Masking, make_loss, make_model
from crescendai.training.pretraining import Course, Material, pretrain
from crescendai.training.resume import Resume, code_sha256
from crescendai.training.sharding import make_mesh
from crescendai.training.watch import Watch
from stages import run_stage

RESUME = Path("models/.resume")


def main(corpus: str, params: Params) -> None:
    # ---- Parameters -----------------------------------------------------------------------------
    settings, scale = params.pretrain, getattr(params.scale, corpus)
    hop_s = params.spectrograms.hop_length / params.render.sample_rate_hz
    config = BackboneConfig(
        n_mels=params.spectrograms.n_mels, max_frames=round(scale.window_s / hop_s),
        stride_frames=scale.network.patch_frames, stride_mels=scale.network.patch_mels,
        **scale.network.model_dump(),
    )  # fmt: skip
    model = make_model(
        settings.objective, config, settings.decoder.width, settings.decoder.depth, settings.decoder.num_heads
    )
    masking = Masking(settings.mask_share, tuple(settings.cluster)) if settings.objective in MASKED_OBJECTIVES else None
    course = Course(
        settings.lr, settings.warmup_fraction, scale.pretrain.steps, scale.pretrain.batch_size,
        scale.pretrain.check_every,
    )  # fmt: skip

    # ---- Inputs ---------------------------------------------------------------------------------
    folder = Path("data") / corpus / "pretraining"
    store = SpectrogramStore(folder / "spectrograms")
    about = read_table(folder / "excerpts.parquet")
    train, held_out = (excerpts(store, about["split"] == split, not masking) for split in ("train", "validation"))
    input_scale = InputScale.of(train.read(row) for row in range(len(train.num_frames)))
    material = Material(
        config, hop_s, input_scale, masking, train, held_out, jax.process_index(), jax.process_count()
    )

    # ---- Training -------------------------------------------------------------------------------
    start = jax.jit(model.init, static_argnums=3)(jax.random.key(params.seed), *example_input(model))["params"]
    count = sum(array.size for array in flatten(start).values())
    print(f"{settings.objective}: {count / 1e6:.2f} million parameters, windows of {scale.window_s:g} s, "
          f"{course.steps * course.batch_size * scale.window_s / 3600:.0f} h to be heard")  # fmt: skip
    loss_of = make_loss(
        model, masking.num_visible(config) if masking else 0, settings.discriminative_weight, settings.generative_weight
    )
    key = {"pretrain": settings.model_dump(), "network": asdict(config), "course": asdict(course), "seed": params.seed,
           "inputs": [sha256_of(folder / name) for name in ("spectrograms/index.parquet", "excerpts.parquet")],
           "code": code_sha256("crescendai/midi", "crescendai/models", "crescendai/training")}  # fmt: skip
    mesh = make_mesh(params.compute.data, params.compute.fsdp)
    watch = Watch(Path("models") / corpus, Resume(RESUME, key))
    optimizer = make_optimizer(settings.weight_decay, settings.adam_betas, settings.optimizer)
    weights, curve = pretrain(
        loss_of, optimizer, start, material, course, settings.average_decay, params.seed, mesh, watch
    )

    # ---- Outputs --------------------------------------------------------------------------------
    save_model(
        TrainedModel(model, weights, input_scale, {"kind": "logmel", **store.settings}),
        Path("models") / corpus / "pretrained" / "network",
    )
    scores = held_out_scores(loss_of, model, weights, material, course.batch_size, params.seed)
    pictures = pretext_pictures(model, weights, material, params.seed)
    np.savez_compressed(Path("data") / corpus / "pretext.npz", **pictures)
    table = pd.DataFrame(curve).drop(columns="clips_per_s")
    write_texts({
        Path("metrics") / f"{corpus}-pretrain.json": json_text({settings.objective: scores}),
        Path("plots") / corpus / "pretrain.csv": csv_text(table),
    })  # fmt: skip
    watch.done()
    print("held out:", ", ".join(f"{name} {value:.3f}" for name, value in scores.items()))


def excerpts(store: SpectrogramStore, chosen: pd.Series, with_notes: bool) -> Excerpts:
    """One part of the corpus, read from disk as it is needed."""
    rows = np.flatnonzero(chosen)
    return Excerpts(
        lambda position: store.clip(int(rows[position])),
        store.index["num_frames"].to_numpy()[rows],
        (lambda position: store.notes(int(rows[position]))) if with_notes else None,
        store.shards[rows],
    )


if __name__ == "__main__":
    run_stage(main, __doc__, compiles=True)
