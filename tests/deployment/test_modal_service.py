"""The service on Modal, without an account: what would be asked for, and what a container would run."""

import asyncio
import importlib
import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

modal = pytest.importorskip("modal")

from crescendai.api.settings import ServiceSettings  # noqa: E402
from crescendai.deployment.settings import ModalSettings, change_env_file, read_env_file  # noqa: E402
from crescendai.errors import ParamsError  # noqa: E402
from tests.deployment.docker_steps import stages  # noqa: E402
from tests.recordings import encoded, playing  # noqa: E402
from tests.shipped_models import small_shipped  # noqa: E402

PROJECT = Path(__file__).parents[2]
MODULE = "crescendai.deployment.modal_service"


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch):
    """Imports the module as for a deployment with some environment: the module, and what it asks Modal for."""

    def load(local: bool = True, **environment: str):
        asked = {}
        cls, concurrent = modal.App.cls, modal.concurrent

        def recorded_cls(self, **arguments):
            asked.update(arguments)
            return cls(self, **arguments)

        def recorded_concurrent(**arguments):
            asked.update(arguments)
            return concurrent(**arguments)

        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(modal.App, "cls", recorded_cls)
        monkeypatch.setattr(modal, "concurrent", recorded_concurrent)
        monkeypatch.setattr(modal, "is_local", lambda: local)
        monkeypatch.delitem(sys.modules, MODULE, raising=False)
        module = importlib.import_module(MODULE)
        monkeypatch.setattr(modal.App, "cls", cls)
        monkeypatch.setattr(modal, "concurrent", concurrent)
        return module, asked

    yield load
    sys.modules.pop(MODULE, None)


def test_defaults_take_a_cpu_and_end_when_idle(loaded):
    module, asked = loaded()
    assert asked["gpu"] is None
    assert (asked["min_containers"], asked["max_containers"]) == (0, 4)
    assert asked["enable_memory_snapshot"]
    assert set(asked["volumes"]) == {"/models", "/cache"}
    service = ServiceSettings()
    assert asked["timeout"] > service.upload_timeout_s + service.request_timeout_s  # the service's sentence comes first
    assert asked["target_inputs"] == service.workers
    # A container is never sent more than it would answer with 429.
    assert asked["max_inputs"] == service.workers + service.queue_size
    assert module.app.name == "crescendai"


def test_the_environment_chooses_what_it_runs_on(loaded):
    _, asked = loaded(
        CRESCENDAI_MODAL_GPU="L4", CRESCENDAI_MODAL_MIN_CONTAINERS="1", CRESCENDAI_MODAL_MAX_CONTAINERS="2",
        CRESCENDAI_MODAL_MEMORY_MIB="8192", CRESCENDAI_WORKERS="2", CRESCENDAI_QUEUE_SIZE="3",
    )  # fmt: skip
    assert (asked["gpu"], asked["memory"], asked["max_inputs"]) == ("L4", 8192, 5)
    assert (asked["min_containers"], asked["max_containers"]) == (1, 2)


def test_only_the_service_s_settings_are_passed_on(loaded):
    module, _ = loaded()
    environment = {"CRESCENDAI_API_KEY": "k", "CRESCENDAI_MODAL_GPU": "T4", "HOME": "/h", "AWS_SECRET": "s"}
    assert module.passed_on(environment) == {"CRESCENDAI_API_KEY": "k", "CRESCENDAI_MODAL_GPU": "T4"}


def test_in_a_container_as_many_objects_are_asked_for_as_at_home(loaded, monkeypatch):
    """Modal matches them by their order; the project's files are not there."""
    _, here = loaded()

    def no_files(self, path: Path, *_: object, **__: object) -> None:
        raise FileNotFoundError(path)

    monkeypatch.setattr(modal.Image, "add_local_file", no_files)
    with pytest.raises(FileNotFoundError):
        loaded()
    _, there = loaded(local=False)
    assert len(here["secrets"]) == len(there["secrets"]) == 1
    assert list(here["volumes"]) == list(there["volumes"])
    assert here["image"] is not None and there["image"] is not None


class RecordedImage:
    """Notes what an image is made with, step by step."""

    def __init__(self):
        self.steps: list[tuple[str, tuple, dict]] = []

    def __getattr__(self, name: str):
        def step(*arguments: object, **settings: object) -> "RecordedImage":
            self.steps.append((name, arguments, settings))
            return self

        return step


@pytest.mark.parametrize("gpu", [False, True])
def test_the_image_is_made_as_the_dockerfile_makes_it(loaded, monkeypatch, gpu: bool):
    module, _ = loaded()
    image = RecordedImage()
    monkeypatch.setattr(modal, "Image", image)
    module.service_image(gpu)
    (base, _, version), *made = image.steps
    build = stages((PROJECT / "Dockerfile").read_text())[0]
    assert base == "debian_slim" and f"python:{version['python_version']}-slim" in build[0].rest
    copied = [(arguments, settings) for name, arguments, settings in made if name.startswith("add_local")]
    sources = [source for step in build if step.instruction == "COPY" for source in step.rest.split()[:-1]]
    assert [arguments for arguments, _ in copied] == [(PROJECT / name, f"/build/{name}") for name in sources]
    assert all(path.exists() and settings["copy"] for (path, _), settings in copied)
    runs = [" && ".join(arguments) for name, arguments, _ in made if name == "run_commands"]
    installs = [part for run in runs for part in run.split("&&") if "pip install" in part]
    assert len(installs) == 3 and all("/build/constraints.txt" in part for part in installs)
    assert "--extra serve" in runs[0] and ("jax[cuda12]" in runs[0]) == gpu
    # A layer with all dependencies stays when only the package changes.
    names = [name for name, _, _ in made]
    assert names.index("run_commands") < names.index("add_local_dir")


@pytest.mark.slow
def test_a_container_s_application_starts_when_it_is_ready_and_rates(loaded, tmp_path, monkeypatch):
    small_shipped(tmp_path / "small-1.2")
    module, _ = loaded(CRESCENDAI_MODAL_MODEL="small-1.2", CRESCENDAI_DECODERS="1", XDG_CACHE_HOME=str(tmp_path))
    monkeypatch.setattr(module, "MODELS_FOLDER", tmp_path)
    with pytest.warns(UserWarning, match="will not have access to the mounted Volume"):
        app = module.Service().web.local()
    readiness, answer = asyncio.run(_first_request(app, encoded(playing(2.0))))
    assert readiness.status_code == 200
    assert answer.status_code == 200, answer.text
    assert answer.json()["processing"]["model"]["name"] == "small"


async def _first_request(app, recording: bytes) -> tuple[httpx.Response, httpx.Response]:
    """Starts and stops the application as Modal does, by ASGI's lifespan protocol."""
    to_app, from_app = asyncio.Queue(), asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan", "state": {}}, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    started = await asyncio.wait_for(from_app.get(), 400)
    assert started["type"] == "lifespan.startup.complete", json.dumps(started)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        answers = await client.get("/readyz"), await client.post("/v1/analyze", content=recording, timeout=300)
    await to_app.put({"type": "lifespan.shutdown"})
    assert (await asyncio.wait_for(from_app.get(), 60))["type"] == "lifespan.shutdown.complete"
    await life
    return answers


@pytest.mark.parametrize(
    ("variable", "value", "wanted"),
    [
        ("CPU", "many", "a positive number"), ("CPU", "nan", "a positive number"), ("CPU", "inf", "a positive number"),
        ("MEMORY_MIB", "4096.5", "a positive whole number"), ("MAX_CONTAINERS", "0", "a positive whole number"),
        ("MIN_CONTAINERS", "-1", "a whole number from 0 on"), ("MIN_CONTAINERS", "9", "at most CRESCENDAI_MODAL_MAX"),
    ],
)  # fmt: skip
def test_impossible_settings_are_one_sentence(variable: str, value: str, wanted: str):
    with pytest.raises(ParamsError, match=f"CRESCENDAI_MODAL_{variable}: expected {wanted}.*; correct"):
        ModalSettings.of({f"CRESCENDAI_MODAL_{variable}": value})


def test_no_container_need_be_kept():
    assert ModalSettings.of({"CRESCENDAI_MODAL_MIN_CONTAINERS": "0"}) == ModalSettings()


def test_settings_survive_their_file(tmp_path: Path):
    file = tmp_path / "deployment.env"
    change_env_file(file, {"CRESCENDAI_API_KEY": "a=b", "CRESCENDAI_MODAL_GPU": ""})
    assert read_env_file(file) == {"CRESCENDAI_API_KEY": "a=b", "CRESCENDAI_MODAL_GPU": ""}
    assert file.stat().st_mode & 0o077 == 0
    for content, says in (
        (b"CRESCENDAI_WORKERS 4\n", "line 1: expected NAME=VALUE"),
        (b"# settings\n=x\n", "line 2: expected NAME=VALUE"),
        (b"A=caf\xe9\n", "expected lines NAME=VALUE in UTF-8"),
    ):
        file.write_bytes(content)
        with pytest.raises(ParamsError, match=says):
            read_env_file(file)
    with pytest.raises(ParamsError, match="expected a file that can be read, found Is a directory; correct"):
        read_env_file(tmp_path)


def test_a_change_leaves_what_else_stands_in_the_file(tmp_path: Path):
    """Whatever the locale."""
    file = tmp_path / "deployment.env"
    file.write_text("# für uns\nCRESCENDAI_WORKERS=2\n\n# small\nCRESCENDAI_MODAL_GPU=T4\nNAME=é", encoding="utf-8")
    program = "from pathlib import Path; from crescendai.deployment.settings import change_env_file as change; "
    program += f"change(Path({str(file)!r}), {{'CRESCENDAI_MODAL_GPU': 'L4', 'CRESCENDAI_MODAL_MAX_CONTAINERS': '9'}})"
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    subprocess.run([sys.executable, "-c", program], cwd=PROJECT, env=ascii_only, check=True)
    assert file.read_text(encoding="utf-8").splitlines() == [
        "# für uns", "CRESCENDAI_WORKERS=2", "", "# small", "CRESCENDAI_MODAL_GPU=L4", "NAME=é",
        "CRESCENDAI_MODAL_MAX_CONTAINERS=9",
    ]  # fmt: skip
    assert file.stat().st_mode & 0o077 == 0
