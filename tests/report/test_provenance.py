import subprocess
from pathlib import Path

import pytest

from crescendai.report.provenance import collect_provenance, lock_sha256


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A git repository with one commit."""
    (tmp_path / "data" / "demo").mkdir(parents=True)
    (tmp_path / "data" / "demo" / "clips.parquet").write_bytes(b"clips")
    (tmp_path / "crescendai").mkdir()
    (tmp_path / "crescendai" / "a.py").write_text("a = 1\n")
    (tmp_path / "params.yaml").write_text("lr: 1\n")
    (tmp_path / "dvc.lock").write_text(lock())
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=tester", "-c", "user.email=tester@example.org"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True)


def lock(demo: str = "a", percepiano: str = "b", report: str = "c") -> str:
    stages = {"evaluate@demo": demo, "evaluate@percepiano": percepiano, "report@demo": report}
    return "schema: '2.0'\nstages:\n" + "".join(
        f"  {name}:\n    cmd: {cmd}\n" for name, cmd in stages.items()
    )


def test_a_committed_project_is_clean(project):
    found = collect_provenance(project, "demo", "2024-11-02")
    assert len(found.revision) == 40
    assert found.changed == ()
    assert found.short_revision == found.revision[:10]


def test_results_of_the_pipeline_do_not_make_it_dirty(project):
    (project / "dvc.lock").write_text(lock(demo="new"))
    assert collect_provenance(project, "demo", "2024-11-02").changed == ()


@pytest.mark.parametrize("source", ["params.yaml", "crescendai/a.py", "crescendai/new.py"])
def test_changed_and_new_sources_are_named(project, source):
    (project / source).write_text("lr: 2\n")
    found = collect_provenance(project, "demo", "2024-11-02")
    assert found.changed == (source,)
    assert found.short_revision.endswith("+")


def test_outside_git_there_is_no_revision(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "data" / "demo").mkdir(parents=True)
    (tmp_path / "data" / "demo" / "clips.parquet").write_bytes(b"clips")
    found = collect_provenance(tmp_path, "demo", "2024-11-02")
    assert (found.revision, found.changed, found.lock_sha256) == (None, (), None)
    assert found.short_revision == "unversioned"


def test_lock_checksum_is_of_this_corpus_before_its_report(tmp_path):
    def checksum(**stages: str) -> str | None:
        (tmp_path / "dvc.lock").write_text(lock(**stages))
        return lock_sha256(tmp_path / "dvc.lock", "demo")

    assert checksum() == checksum(percepiano="other", report="other")
    assert checksum() != checksum(demo="other")


def test_name_of_the_experiment_is_dvcs(project, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "stoic-sums")
    assert collect_provenance(project, "demo", "2024-11-02").experiment == "stoic-sums"
