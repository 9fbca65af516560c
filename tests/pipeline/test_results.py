"""What is committed is true of this commit: the lock, the metrics and the README agree."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.results_table import PROTOCOLS, ROWS, dimensions_table, other_measures, results_table, takes_table
from tests.pipeline.imports import PROJECT
from tests.pipeline.project import copy_project

DEMO = json.loads((PROJECT / "metrics/demo.json").read_text())
REAL = json.loads((PROJECT / "metrics/percepiano.json").read_text())


@pytest.mark.parametrize("corpus", ["demo", "percepiano"])
def test_the_lock_is_of_this_code_and_these_parameters(tmp_path: Path, corpus: str) -> None:
    # In a copy without data, DVC can still say whether code and parameters are those of dvc.lock.
    copy_project(tmp_path)
    params = tmp_path / "params.yaml"
    text = params.read_text()
    assert "\ncorpus: demo " in text
    params.write_text(text.replace("\ncorpus: demo ", f"\ncorpus: {corpus} "))
    environment = os.environ | {"DVC_NO_ANALYTICS": "1"}
    dry = subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "--dry", "--allow-missing"],
        cwd=tmp_path, capture_output=True, text=True, env=environment, check=True,
    )  # fmt: skip
    assert "Running stage" not in dry.stdout, dry.stdout


def test_the_documents_print_the_committed_metrics() -> None:
    command = "put the output of `python -m benchmarks.results_table percepiano` there"
    readme = (PROJECT / "README.md").read_text()
    assert results_table(REAL) in readme and takes_table(REAL) in readme, command
    page = (PROJECT / "docs" / "results.md").read_text()
    assert results_table(REAL, PROTOCOLS, list(ROWS)) in page and other_measures(REAL) in page, command + ", with --all"
    plots = PROJECT / "plots/percepiano"
    table = dimensions_table(REAL, pd.read_csv(plots / "dimensions.csv"), pd.read_csv(plots / "intervals.csv"))
    assert table in (PROJECT / "docs" / "dimensions.md").read_text(), command + ", with --dimensions"


def test_the_questions_state_how_the_network_does_on_new_works() -> None:
    new, known = REAL["movement"]["hybrid"], REAL["passage"]["hybrid"]
    questions = (PROJECT / "docs" / "faq.md").read_text()
    assert f"(R² {new['r2']:.2f}, r {new['pearson']:.2f})" in questions
    for row in (new, known):
        assert f"{row['takes']['pairs_in_order']:.0%}".replace("%", " %") in questions
        assert f"±{row['intervals']['half_width']:.2f}" in questions
    assert f"others on\n{REAL['ceiling']['single_rater_pairs_in_order']:.0%}".replace("%", " %") in questions


def test_a_working_pipeline_scores_this_much_on_the_demo_corpus() -> None:
    # Its truth is known: ratings follow from how clips are played, plus noise of known size, so the
    # ceiling lies near 0.88 and features of the notes must come near it.
    assert DEMO["ceiling"]["r2"] == pytest.approx(0.885, abs=0.02)
    rows = DEMO["passage"]
    assert 0.65 < rows["midi_blend"]["r2"] < DEMO["ceiling"]["r2"]
    assert 0.50 < rows["audio_blend"]["r2"] < rows["midi_blend"]["r2"]
    assert rows["ast"]["r2_low"] > 0 > rows["mean_rater"]["r2"]


def test_percepiano_scores_stand_where_the_data_allow() -> None:
    assert REAL["ceiling"]["r2"] == pytest.approx(0.754, abs=0.01)
    rows = REAL["composition"]
    assert rows["audio_blend"]["r2"] >= 0.44
    assert rows["midi_blend"]["r2"] >= 0.52
    assert rows["ast"]["r2_low"] > rows["mean_rater"]["r2_high"]
    assert rows["hybrid"]["r2"] > max(rows["audio_blend"]["r2"], rows["hybrid_untrained"]["r2"])
    assert {"audio_blend", "midi_blend"} <= set(REAL["performer"]) & set(REAL["movement"])


def test_pretraining_pays_on_percepiano() -> None:
    compared = pd.read_csv(PROJECT / "plots/percepiano/comparisons.csv").query("protocol == 'composition'")
    of_hybrid = compared[compared["model"] == "hybrid"].set_index("baseline")
    for baseline in ("audio_blend", "hybrid_untrained"):
        assert of_hybrid.loc[baseline, "low"] > 0 and of_hybrid.loc[baseline, "p_holm"] < 0.05


@pytest.mark.parametrize("metrics", [DEMO, REAL], ids=["demo", "percepiano"])
def test_no_score_is_outside_its_interval_or_above_the_ceiling(metrics: dict) -> None:
    for protocol, rows in metrics.items():
        if protocol != "ceiling":
            for model, score in rows.items():
                assert score["r2_low"] <= score["r2"] <= score["r2_high"], (protocol, model)
                assert score["r2"] < metrics["ceiling"]["r2"], (protocol, model)
