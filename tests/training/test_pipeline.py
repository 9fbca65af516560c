"""Pretraining and finetuning from Python, on arrays."""

from pathlib import Path

import numpy as np
import pytest

import crescendai
from crescendai import ASTTrainingPipeline
from crescendai.dimensions import NAMES, NUM_DIMENSIONS
from crescendai.errors import DataError, ParamsError
from crescendai.models.checkpoint import load_model
from crescendai.models.rating import make_rate

SMALL = {"seed": 42, "window_s": 0.5, "width": 16, "depth": 1, "num_heads": 2, "decoder": (16, 1, 2), "n_mels": 32,
         "patch_mels": 32, "pretrain_steps": 10, "pretrain_batch_size": 4, "epochs": 5, "batch_size": 4}  # fmt: skip


def sounds(number: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Louder clips are rated higher."""
    rng = np.random.default_rng(0)
    level = rng.uniform(0.2, 0.8, number)
    spectrograms = [(-60 + 40 * x + rng.normal(size=(60, 32))).astype(np.float16) for x in level]
    return spectrograms, np.repeat(level[:, None], NUM_DIMENSIONS, axis=1)


def test_from_recordings_to_a_model_that_rates(tmp_path: Path):
    spectrograms, ratings = sounds(20)
    config = {**SMALL, "checkpoint_dir": tmp_path / "checkpoints", "results_dir": tmp_path / "results"}
    pipeline = ASTTrainingPipeline(config)
    assert pipeline.pretrain(spectrograms)["step"] == 10
    groups = [f"group {i // 2}" for i in range(20)]
    metrics = pipeline.finetune(spectrograms, ratings, groups)
    assert metrics["pearson"] > 0.5
    with pytest.raises(DataError, match="at least 2 groups, found 1"):
        pipeline.finetune(spectrograms, ratings, ["one"] * 20)
    with pytest.raises(DataError, match="pretrained with these settings"):
        ASTTrainingPipeline({**config, "n_fft": 1024}).finetune(spectrograms, ratings, groups)
    model = load_model(pipeline.model_path)
    assert model.network.kernel_clips == 16  # those not tested on
    rated = make_rate(model)(spectrograms[0])
    assert rated.shape == (NUM_DIMENSIONS,) and np.isfinite(rated).all()
    assert {file.name for file in (tmp_path / "results").iterdir()} == {"pretrain.json", "finetune.json"}


def test_a_wrong_key_and_data_that_do_not_fit_are_refused(tmp_path: Path):
    places = {"checkpoint_dir": tmp_path, "results_dir": tmp_path}
    with pytest.raises(ParamsError, match=r"found \['depht'\] unknown and \['seed'\] missing"):
        ASTTrainingPipeline({**places, "depht": 3})
    wrong = {"objective": "transcribe", "loss": "mape", "fusion": "attention", "test_fraction": 0.7}
    shares = [{"pooled": 1}, {"pooled": 0, "sound": 0}, {"pooled": 2, "sound": -1}, {"pooled": np.nan, "sound": 1},
              {"pooled": 1, "sound": 1, "harmony": 0}, {"pooled": "1", "sound": 1}, 0.5]  # fmt: skip
    for key, value in [*wrong.items(), *(("kernel_shares", share) for share in shares)]:
        with pytest.raises(ParamsError, match=key):
            ASTTrainingPipeline({**places, **SMALL, key: value})
    pipeline = ASTTrainingPipeline({**places, **SMALL})
    spectrograms, ratings = sounds(4)
    with pytest.raises(DataError, match=r"expected 4 rows of 19 ratings"):
        pipeline.finetune(spectrograms, ratings[:, :5], ["a", "b", "c", "d"])
    finer = [np.repeat(x, 2, axis=1) for x in spectrograms]
    for doing in (lambda: pipeline.pretrain(finer), lambda: pipeline.finetune(finer, ratings, ["a", "b", "c", "d"])):
        with pytest.raises(DataError, match=r"\[t, 32\], of n_mels mel bands, found \(60, 64\) in place 0"):
            doing()
    with pytest.raises(DataError, match=r"at least 2 recordings of 0\.5 s or more, found 0 among 4"):
        pipeline.pretrain([x[:5] for x in spectrograms])
    with pytest.raises(DataError, match="expected a trained model"):
        pipeline.finetune(spectrograms, ratings, ["a", "b", "c", "d"])


def test_the_package_offers_its_names():
    assert {"PianoAudioPreprocessor", "AudioSpectrogramTransformer", "PerformanceDimensions"} <= set(dir(crescendai))
    rated = crescendai.PerformanceDimensions.of(np.linspace(0, 1, NUM_DIMENSIONS))
    assert tuple(rated.model_dump()) == NAMES and rated.timing_stability == 0.0 and rated.interpretation == 1.0
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = crescendai.Nothing
    base = crescendai.AudioSpectrogramTransformer.from_preset("base")
    assert (base.config.width, base.config.depth, base.config.num_heads, base.num_outputs) == (768, 12, 12, 19)
