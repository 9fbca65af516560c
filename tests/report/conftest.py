import shutil
from pathlib import Path

import pytest

from crescendai.params import Params, load_params
from tests.report.made_run import PROJECT, PROTOCOLS, SKILL, make_run


@pytest.fixture(scope="session")
def params() -> Params:
    return load_params(PROJECT / "params.yaml")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    """A project folder with a finished run of the demo corpus up to evaluate. Tests only read it."""
    return make_run(
        tmp_path_factory.mktemp("run"), params, pieces=3, players=4, protocols=PROTOCOLS, skill=SKILL
    )


@pytest.fixture
def own_run(run_folder: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may change."""
    return Path(shutil.copytree(run_folder, tmp_path / "project"))
