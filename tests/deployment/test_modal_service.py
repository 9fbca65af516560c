"""The service on Modal, without an account: what would be asked for, and what a container would run."""

import asyncio
import importlib
import json
import sys
from pathlib import Path

import httpx
import pytest

modal = pytest.importorskip("modal")

from crescendai.api.settings import ServiceSettings  # noqa: E402
from crescendai.deployment.settings import ModalSettings  # noqa: E402
from tests.recordings import encoded, playing  # noqa: E402
from tests.shipped_models import small_shipped  # noqa: E402

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


def test_in_a_container_as_many_objects_are_asked_for_as_at_home(loaded):
    """Modal matches them by their order."""
    _, here = loaded()
    module, there = loaded(local=False)
    assert len(here["secrets"]) == len(there["secrets"]) == 1
    assert list(here["volumes"]) == list(there["volumes"])
    assert here["image"] is not None and there["image"] is not None
    assert there["image"] is not here["image"]
    assert module.PROJECT.name


def test_the_image_needs_what_the_project_has(loaded, tmp_path):
    module, _ = loaded()
    for name in ("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "crescendai"):
        assert (module.PROJECT / name).exists()
    assert isinstance(module.service_image(True), modal.Image)


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
    ("variable", "value"),
    [("CPU", "many"), ("MAX_CONTAINERS", "0"), ("MIN_CONTAINERS", "9"), ("MIN_CONTAINERS", "-1"), ("CPU", "nan")],
)
def test_impossible_settings_are_one_sentence(variable: str, value: str):
    from crescendai.errors import ParamsError

    with pytest.raises(ParamsError, match=f"CRESCENDAI_MODAL_{variable}: expected .*; correct"):
        ModalSettings.of({f"CRESCENDAI_MODAL_{variable}": value})


def test_settings_survive_their_file(tmp_path: Path):
    from crescendai.deployment.settings import read_env_file, write_env_file
    from crescendai.errors import ParamsError

    file = tmp_path / "deployment.env"
    write_env_file(file, {"CRESCENDAI_API_KEY": "a=b", "CRESCENDAI_MODAL_GPU": ""})
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
