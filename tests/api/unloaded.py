"""The application without a server and without a model: rating is what a test makes of it."""

from collections.abc import Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from crescendai.analysis.result import Analysis
from crescendai.api import service
from crescendai.api.bodies import Body
from crescendai.api.engine import Engine
from crescendai.api.settings import ServiceSettings


def unloaded(
    monkeypatch: pytest.MonkeyPatch, settings: ServiceSettings, rate: Callable[[Body], Analysis] | None = None
) -> FastAPI:
    """Ready from the beginning; ``rate`` runs in the engine's threads, as rating does."""

    class ReadyEngine(Engine):
        def __init__(self, *arguments: object):
            super().__init__(*arguments)
            self._ready = True

        def _rate_audio(self, body: Body) -> Analysis:
            return rate(body)

    with monkeypatch.context() as patched:
        patched.setattr(service, "Engine", ReadyEngine)
        return service.create_app(settings)


@asynccontextmanager
async def client_of(app: FastAPI):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        yield client
