"""The HTTP service on Modal (https://modal.com): the same application, in containers that come with requests and go.

::

    modal deploy -m crescendai.deployment.modal_service    # or ./deploy.py --deploy, which checks first

To be run where the project's sources lie: the image is built from pyproject.toml and constraints.txt with the same
steps as the Dockerfile. The environment of whoever deploys decides: ``CRESCENDAI_MODAL_…`` what it runs on
(`crescendai.deployment.settings`), every other ``CRESCENDAI_…`` how the service behaves (`crescendai.api.settings`).

A container takes no request before its model is ready: a first request waits and is not turned away. Imports are
part of a snapshot of memory, from which later containers start; networks are compiled after it, on the device that
is there, and kept in a volume.
"""

import asyncio
import os
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import modal

from crescendai.api.settings import ServiceSettings
from crescendai.deployment.settings import APP, MODELS, ModalSettings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CACHE = "crescendai-cache"
MODELS_FOLDER, CACHE_FOLDER = Path("/models"), "/cache"
PYTHON = "3.11"  # what constraints.txt was made with
PROJECT = Path(__file__).parents[2]
POLL_S = 0.25


def service_image(gpu: bool, project: Path = PROJECT) -> modal.Image:
    """Python with the package, its extra `serve` and, for a GPU, JAX's CUDA libraries; versions of constraints.txt."""
    built, install = "/build", "uv pip install --system -c /build/constraints.txt"
    image = modal.Image.debian_slim(python_version=PYTHON)
    for name in ("pyproject.toml", "constraints.txt"):
        image = image.add_local_file(project / name, f"{built}/{name}", copy=True)
    # Dependencies first: a layer that stays when only the package changes.
    image = image.run_commands(
        f"pip install uv -c {built}/constraints.txt",
        f"{install} -r {built}/pyproject.toml --extra serve" + (" 'jax[cuda12]'" if gpu else ""),
    )
    for name in ("README.md", "LICENSE"):  # pyproject.toml names them
        image = image.add_local_file(project / name, f"{built}/{name}", copy=True)
    image = image.add_local_dir(
        project / "crescendai", f"{built}/crescendai", copy=True, ignore=["**/__pycache__", "**/*.part"]
    )
    build = f"uv pip install --system --no-deps --build-constraints {built}/constraints.txt {built}"
    return image.run_commands(build).env({"XDG_CACHE_HOME": CACHE_FOLDER, "NUMBA_CACHE_DIR": f"{CACHE_FOLDER}/numba"})


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """What a container is told of the environment that it was deployed from."""
    return {name: value for name, value in environment.items() if name.startswith("CRESCENDAI_")}


def input_timeout_s(service: ServiceSettings) -> int:
    """Modal's limit for a request: the service's own come first, and are answered with a sentence."""
    return ceil(service.upload_timeout_s + service.request_timeout_s) + 10


class ReadyFirst:
    """ASGI middleware: the application has started when it is ready to rate."""

    def __init__(self, app: "ASGIApp"):
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        async def send_when_ready(message: "Message") -> None:
            if message["type"] == "lifespan.startup.complete":
                while not await self._is_ready():
                    await asyncio.sleep(POLL_S)
            await send(message)

        await self._app(scope, receive, send_when_ready if scope["type"] == "lifespan" else send)

    async def _is_ready(self) -> bool:
        statuses = []

        async def receive() -> "Message":
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: "Message") -> None:
            statuses.append(message.get("status"))

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": "/readyz", "raw_path": b"/readyz", "query_string": b"", "headers": [], "root_path": "",
        }  # fmt: skip
        await self._app(scope, receive, send)
        return statuses[0] == 200


settings, service_settings = ModalSettings.of(), ServiceSettings.of()
# include_source: the package is installed in the image, with its version and its data.
app = modal.App(APP, include_source=False)
models = modal.Volume.from_name(MODELS, create_if_missing=True).with_mount_options(read_only=True)
cache = modal.Volume.from_name(CACHE, create_if_missing=True)


@app.cls(
    # A container imports this module again, without a project around it; Modal wants as many objects there as here.
    image=service_image(bool(settings.gpu)) if modal.is_local() else modal.Image.debian_slim(python_version=PYTHON),
    secrets=[modal.Secret.from_dict(passed_on(os.environ))],
    volumes={str(MODELS_FOLDER): models, CACHE_FOLDER: cache},
    gpu=settings.gpu or None,
    cpu=settings.cpu,
    memory=settings.memory_mib,
    min_containers=settings.min_containers,
    max_containers=settings.max_containers,
    scaledown_window=settings.scaledown_window_s,
    timeout=input_timeout_s(service_settings),
    startup_timeout=settings.startup_timeout_s,
    enable_memory_snapshot=True,
)
# Containers are added when one has as much as it can rate at a time; what comes before they run may wait in its queue.
@modal.concurrent(
    max_inputs=service_settings.workers + service_settings.queue_size, target_inputs=service_settings.workers
)
class Service:
    """One container. Its decoders are processes of their own, started after the snapshot."""

    @modal.enter(snap=True)
    def import_all(self) -> None:
        """What takes long to import and does not look for devices."""
        import scipy.signal  # noqa: F401

        import crescendai.analysis.analyzer
        import crescendai.api.service  # noqa: F401

    @modal.asgi_app(label=APP)
    def web(self) -> "ASGIApp":
        """The application of `crescendai serve`."""
        from crescendai.api.observing import log_as_json
        from crescendai.api.service import create_app

        log_as_json()
        model = MODELS_FOLDER / settings.model if settings.model else None
        return ReadyFirst(create_app(ServiceSettings.of(), model))
