"""Corpora that are not in the repository, from files to report: miniatures, stage by stage."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from crescendai.datasets.tables import read_table
from tests.datasets.small_ccmusic import PIANOS, write_ccmusic
from tests.datasets.small_folder import write_folder
from tests.pipeline.imports import PROJECT

STAGES = ("fetch", "render", "spectrograms", "split", "pretraining_corpus", "pretrain", "listen", "baselines",
          "finetune", "evaluate", "probe", "report")  # fmt: skip
pytestmark = pytest.mark.slow


def run_pipeline(top: Path, corpus: str) -> dict:
    """Runs every stage below ``top`` with small settings; returns the metrics."""
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((PROJECT / "params.yaml").read_text())
    params["folds"]["n_folds"], params["baselines"]["trees"], params["evaluate"]["bootstrap_samples"] = 3, 20, 200
    params["scale"]["demo"]["source"].update(pieces=2, passages_per_piece=2)
    params["scale"][corpus]["pretraining"] = {"instruments": ["timgm"], "players": 2}
    params["scale"][corpus]["pretrain"].update(steps=4, check_every=2)
    params["scale"][corpus]["finetune"].update(frozen_epochs=3)
    params["scale"]["folder"]["source"]["rating_range"] = [1, 7]
    params["scale"]["folder"]["protocols"] = ["passage", "performer"]
    with (top / "params.yaml").open("w") as stream:
        yaml.dump(params, stream)
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    environment.pop("CRESCENDAI_MIRROR", None)
    environment.pop("MLFLOW_TRACKING_URI", None)
    for stage in STAGES:
        done = subprocess.run(
            [sys.executable, "-m", f"stages.{stage}", corpus], cwd=top, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{stage}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return json.loads((top / f"metrics/{corpus}.json").read_text())


def test_your_own_recordings_with_some_dimensions_rated(tmp_path: Path) -> None:
    write_folder(tmp_path / "recordings")
    metrics = run_pipeline(tmp_path, "folder")
    assert set(metrics) == {"ceiling", "passage", "performer"}
    assert metrics["ceiling"] == {}  # one dimension has a rater a clip at most
    assert {"hybrid", "audio_blend", "mean_rater"} <= set(metrics["passage"])
    assert not any(model.startswith("midi") for model in metrics["passage"])
    dimensions = pd.read_csv(tmp_path / "plots/folder/dimensions.csv").query("model == 'hybrid'")
    ceilings = dimensions.drop_duplicates("dimension").set_index("dimension")["ceiling_r2"]
    assert ceilings.notna().to_dict() == {"pedal_amount": False, "timbre_loudness": True, "music_pace": True}
    # Loudness is easy to hear, whatever the rest.
    loudness = pd.read_csv(tmp_path / "plots/folder/dimensions.csv").query("dimension == 'timbre_loudness'")
    assert loudness.groupby("model")["r2"].max()["audio_ridge"] > 0.3
    predicted = read_table(tmp_path / "data/folder/predictions/networks.parquet")
    assert list(predicted)[4:] == list(ceilings.index)
    assert "The 3 dimensions" in (tmp_path / "reports/folder.html").read_text()


def test_pianos_are_told_apart_and_scores_asked_of_pianos_never_heard(tmp_path: Path) -> None:
    write_ccmusic(tmp_path / "data/downloads/ccmusic")
    metrics = run_pipeline(tmp_path, "ccmusic")
    assert set(metrics) == {"ceiling", "piano", "published"} and metrics["ceiling"] == {}
    # Of a piano never heard no one can say which it is; and in its fold all scores are equal.
    assert not any({"told_apart", "r2_folds"} & set(row) for row in metrics["piano"].values())
    assert metrics["piano"]["mean_rater"]["r2"] < 0
    told = {model: row["told_apart"]["piano"] for model, row in metrics["published"].items()}
    assert told["mean_rater"]["chance"] == pytest.approx(1 / len(PIANOS), abs=1e-3)
    assert told["audio_blend"]["accuracy"] > 0.5 > told["mean_rater"]["accuracy"]
    folds = read_table(tmp_path / "data/ccmusic/folds.parquet").query("protocol == 'piano'")
    assert folds["fold"].nunique() == folds["group"].nunique() == len(PIANOS)
    assert "How often the piano is told" in (tmp_path / "reports/ccmusic.html").read_text()
