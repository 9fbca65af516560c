"""The pipeline as its users run it: a fresh copy of the project, real DVC, a small demo corpus."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crescendai.analysis.analyzer import Analyzer
from crescendai.datasets.tables import read_table
from crescendai.shipped import open_shipped
from tests.pipeline.project import copy_project

STAGES = ("fetch", "render", "spectrograms", "split", "baselines", "pretraining_corpus", "pretrain", "listen",
          "finetune", "evaluate", "probe", "report")  # fmt: skip
SMALL = [
    "split=composition", "finetune.models.hybrid.members=2", "finetune.models.hybrid_untrained.members=2",
    "scale.demo.source.pieces=3", "scale.demo.source.passages_per_piece=2", "scale.demo.source.players=4",
    "scale.demo.source.raters=6", "scale.demo.finetune.max_epochs=2", "scale.demo.finetune.frozen_epochs=2",
    "scale.demo.pretrain.steps=4", "scale.demo.pretrain.check_every=2", "folds.n_folds=2", "baselines.trees=20",
    "scale.demo.probe_clips=2", "evaluate.bootstrap_samples=200", "evaluate.coverage=0.7",
]  # fmt: skip


def run(*command: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs a command as in a shell with .venv first on PATH."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
        "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t",
    }  # fmt: skip
    environment.pop("CRESCENDAI_MIRROR", None)
    environment.pop("MLFLOW_TRACKING_URI", None)
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)
    assert not check or done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


def stages_run(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the working tree's tracked files, run once on a small demo corpus."""
    folder = tmp_path_factory.mktemp("project")
    copy_project(folder)
    run("git", "add", "-A", cwd=folder)
    run("git", "commit", "-qm", "start", cwd=folder)
    first = run("dvc", "exp", "run", *[word for value in SMALL for word in ("-S", value)], cwd=folder)
    assert set(stages_run(first.stdout)) == {f"{stage}@demo" for stage in STAGES}
    run("git", "add", "-A", cwd=folder)
    run("git", "commit", "-qm", "small", cwd=folder)
    return folder


def test_all_results_are_there(project: Path) -> None:
    metrics = json.loads((project / "metrics/demo.json").read_text())
    assert 0 < metrics["ceiling"]["r2"] < 1
    for protocol in ("composition", "performer", "movement", "random"):
        assert {"mean_rater", "audio_blend", "midi_blend"} <= set(metrics[protocol])
    for network in ("hybrid", "ast", "hybrid_untrained"):
        row = metrics["composition"][network]
        assert row["r2_low"] <= row["r2"] <= row["r2_high"]
    pretext = json.loads((project / "metrics/demo-pretrain.json").read_text())
    assert 0 < pretext["transcribe"]["loss"] < 10
    assert (project / "reports/demo.html").stat().st_size > 10_000
    assert (project / "mlflow.db").exists()


def test_a_model_is_shipped_that_rates_recordings(project: Path, tmp_path: Path) -> None:
    run("dvc", "repro", "shipping/dvc.yaml:ship@demo", cwd=project)
    shipped = project / "models/demo/shipped"
    assert "simulated players" in (shipped / "card.md").read_text()
    analyzer = Analyzer(open_shipped(shipped))
    sound = read_table(project / "data/demo/audio.parquet")["flac"][0]
    rated = analyzer.analyze_audio(io.BytesIO(sound), "clip")
    assert ((rated.interval.lower <= rated.ratings) & (rated.ratings <= rated.interval.upper)).all()


def test_a_second_run_runs_nothing(project: Path) -> None:
    assert stages_run(run("dvc", "repro", cwd=project).stdout) == []
    assert run("dvc", "status", "-q", "dvc.yaml", cwd=project, check=False).returncode == 0


def test_an_experiment_on_the_rate_reruns_training_and_what_follows(project: Path) -> None:
    # DVC writes 1e-05, which a YAML 1.1 reader takes for text.
    done = run("dvc", "exp", "run", "-n", "slow-rate", "-S", "lr=1e-5", cwd=project)
    assert stages_run(done.stdout) == ["finetune@demo", "evaluate@demo", "probe@demo", "report@demo"]
    difference = json.loads(run("dvc", "metrics", "diff", "--json", cwd=project).stdout)
    changed = set(difference.get("diff", difference).get("metrics/demo.json", {}))
    networks = (".ast.", ".hybrid.", ".hybrid_untrained.")
    assert changed and all(any(network in key for network in networks) for key in changed), changed
    assert "slow-rate" in run("dvc", "exp", "show", "--no-pager", "--csv", cwd=project).stdout
    curves = (project / "plots/demo/curves.csv").read_text().splitlines()
    column = curves[0].split(",").index("learning_rate")
    assert max(float(line.split(",")[column]) for line in curves[1:]) <= 1e-5
    run("git", "checkout", "-q", "--", ".", cwd=project)
    run("dvc", "checkout", "-q", "dvc.yaml", cwd=project)


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["mspm", "mae"])
def test_another_pretext_reruns_what_follows_and_says_what_guesses_score(project: Path, objective: str) -> None:
    done = run("dvc", "exp", "run", "-n", objective, "-S", f"pretrain.objective={objective}", cwd=project)
    assert stages_run(done.stdout) == [f"{stage}@demo" for stage in STAGES[6:]]
    scores = json.loads((project / "metrics/demo-pretrain.json").read_text())[objective]
    assert {"reconstruction_error", "mean_patch_error"} <= set(scores)
    assert ("chance_accuracy" in scores) == (objective == "mspm")
    assert "hidden" in (project / "reports/demo.html").read_text()
    run("git", "checkout", "-q", "--", ".", cwd=project)
    run("dvc", "checkout", "-q", "dvc.yaml", cwd=project)


@pytest.mark.parametrize(
    ("change", "says"),
    [(("lr: ", "lr: -"), "lr: input should be greater than 0"), (("n_mels: 256", "n_mel: 256"), "n_mel: extra")],
)
def test_a_wrong_parameter_is_one_line(project: Path, change: tuple[str, str], says: str) -> None:
    path = project / "params.yaml"
    original = path.read_text()
    path.write_text(original.replace(*change))
    try:
        done = run(sys.executable, "-m", "stages.split", "demo", cwd=project, check=False)
    finally:
        path.write_text(original)
    assert done.returncode == 1
    assert says in done.stderr and len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("table", ["clips", "folds"])
def test_a_damaged_table_is_one_line_and_nothing_is_lost(project: Path, table: str) -> None:
    path = project / f"data/demo/{table}.parquet"
    kept, metrics = path.read_bytes(), (project / "metrics/demo.json").read_bytes()
    path.unlink()  # a link into the cache must not be written through
    path.write_bytes(kept[: len(kept) // 2])
    try:
        done = run(sys.executable, "-m", "stages.evaluate", "demo", cwd=project, check=False)
    finally:
        path.write_bytes(kept)
    assert done.returncode == 1
    assert f"{table}.parquet" in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert (project / "metrics/demo.json").read_bytes() == metrics


def test_a_stage_explains_itself(project: Path) -> None:
    done = run(sys.executable, "-m", "stages.finetune", "--help", cwd=project)
    assert "Reads" in done.stdout and "Writes" in done.stdout
    wrong = run(sys.executable, "-m", "stages.finetune", "maestro", cwd=project, check=False)
    assert wrong.returncode == 1 and "demo, percepiano" in wrong.stderr
