"""dvc.yaml tells the truth about the code a stage runs: no more, no less."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.pipeline.imports import PROJECT, closure, imported

STAGES = YAML(typ="safe").load((PROJECT / "dvc.yaml").read_text())["stages"]
# They hold no value that reaches a result: params.yaml is tracked key by key, and how a stage is
# started or an error worded changes nothing it writes.
EXEMPT = {"crescendai/params.py", "crescendai/errors.py", "crescendai/training/compile_cache.py",
          "stages/__init__.py", "stages/memory.py"}  # fmt: skip


def is_code(path: str) -> bool:
    return path.startswith(("crescendai", "stages"))


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_names_all_the_code_it_runs(name: str) -> None:
    deps = [Path(dep) for dep in STAGES[name]["deps"] if is_code(dep)]
    runs = closure(PROJECT / "stages" / f"{name}.py") - EXEMPT
    runs = {file for file in runs if not _is_empty_package(file)}
    missing = {file for file in runs if not any(dep == Path(file) or dep in Path(file).parents for dep in deps)}
    assert not missing, f"dvc.yaml, stage {name}: add deps {sorted(missing)}"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_names_no_code_it_does_not_run(name: str) -> None:
    runs = {Path(file) for file in closure(PROJECT / "stages" / f"{name}.py")}
    parents = {parent for file in runs for parent in file.parents}
    deps = [Path(dep) for dep in STAGES[name]["deps"] if is_code(dep)]
    data = {Path("crescendai/datasets/manifests")}  # files that the code reads, not modules
    needless = [str(dep) for dep in deps if dep not in runs | parents | data]
    assert not needless, f"dvc.yaml, stage {name}: remove deps {needless}"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_the_script_of_its_name_and_says_what_it_does(name: str) -> None:
    assert STAGES[name]["cmd"].startswith(f"python -m stages.{name} ")
    assert STAGES[name]["desc"]
    assert (PROJECT / "stages" / f"{name}.py").read_text().startswith('"""')


def test_no_stage_imports_another() -> None:
    scripts = {f"stages/{name}.py" for name in STAGES}
    for name in STAGES:
        assert closure(PROJECT / "stages" / f"{name}.py") & scripts == {f"stages/{name}.py"}


def test_imports_go_down_only() -> None:
    floors = {"dimensions": 0, "errors": 0, "midi": 1, "audio": 2, "datasets": 3, "models": 4,
              "shipped": 5, "training": 5, "evaluation": 5, "analysis": 6, "deployment": 6, "report": 6, "api": 7,
              "tracking": 7, "cli": 8}  # fmt: skip
    for file in sorted((PROJECT / "crescendai").rglob("*.py")):
        own = file.relative_to(PROJECT / "crescendai").parts[0].removesuffix(".py")
        if own not in floors:
            continue
        for module in {module for module in imported(file) if module.startswith("crescendai.")}:
            other = module.split(".")[1]
            assert floors.get(other, 0) <= floors[own], f"{file}: imports {module} from a floor above"


def test_only_tracking_knows_mlflow_and_no_module_knows_dvc() -> None:
    for file in sorted((PROJECT / "crescendai").rglob("*.py")):
        text = file.read_text()
        assert "import mlflow" not in text or file.name == "tracking.py", file
        assert "import dvc" not in text, file


def _is_empty_package(file: str) -> bool:
    """An __init__.py with nothing but a docstring."""
    return file.endswith("__init__.py") and "import" not in (PROJECT / file).read_text()
