"""What goes wrong is answered in a sentence, and takes neither room nor work from others."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request

from crescendai.api.bodies import Body, Buffers
from crescendai.api.engine import Engine
from crescendai.api.refusals import Refusal
from crescendai.api.service import create_app
from crescendai.api.settings import ServiceSettings
from tests.api.unloaded import client_of, unloaded

SIZE = 600


class Busy:
    """Rates for as long as it is told to; then it refuses, which is an answer as good as another."""

    def __init__(self):
        self.begun: list[bytes] = []
        self.end = threading.Event()

    def rate(self, body: Body) -> None:
        self.begun.append(body.content[:8])
        self.end.wait(60)
        raise Refusal("silent", "recording: expected sound, found none.")


@pytest.fixture
def busy() -> Iterator[Busy]:
    found = Busy()
    yield found
    found.end.set()


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def measured(client: httpx.AsyncClient, line: str) -> None:
    """Waits until the metrics say it."""
    async with asyncio.timeout(30):
        while line not in (await client.get("/metrics")).text:
            await asyncio.sleep(0.01)


def test_a_rating_that_takes_too_long_is_503_and_keeps_its_room_until_it_ends(monkeypatch, busy):
    app = unloaded(monkeypatch, ServiceSettings(workers=1, request_timeout_s=0.1, max_buffered_bytes=1000), busy.rate)

    async def ask() -> None:
        async with client_of(app) as client:
            answer = await client.post("/v1/analyze", content=bytes(SIZE))
            assert error_of(answer) == (503, "timeout") and answer.headers["retry-after"] == "30"
            answer = await client.post("/v1/analyze", content=bytes(SIZE))  # the first one's bytes are still in use
            assert error_of(answer) == (429, "overloaded") and answer.headers["retry-after"] == "5"
            busy.end.set()
            await measured(client, "crescendai_under_way 0.0")
            assert error_of(await client.post("/v1/analyze", content=bytes(SIZE))) == (422, "silent")

    asyncio.run(ask())


def test_what_never_begins_lets_its_bytes_go_before_a_thread_comes_to_it(busy):
    settings, buffers = ServiceSettings(workers=1, request_timeout_s=0.1), Buffers(SIZE)
    engine = Engine(settings, None, lambda error: None)
    engine._ready, engine._rate_audio = True, busy.rate

    def body_of(*parts: bytes) -> Body:
        messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        messages.append({"type": "http.request", "body": b"", "more_body": False})

        async def receive() -> dict:
            return messages.pop(0)

        return Body(Request({"type": "http", "method": "POST", "headers": []}, receive), buffers, SIZE, settings)

    async def rate(body: Body) -> None:
        async with body:
            await engine.rate_audio(body)

    async def ask() -> None:
        with pytest.raises(Refusal, match="no result within"):
            await rate(body_of())
        assert busy.begun == [b""]  # and holds the only thread
        waiting = body_of(bytes(SIZE // 2), bytes(SIZE // 2))
        async with waiting:
            content = waiting.content
            with pytest.raises(Refusal, match="no result within"):
                await engine.rate_audio(waiting)
            await asyncio.sleep(0)
            assert sys.getrefcount(content) == 2  # here, and as the argument
        buffers.take(SIZE)
        busy.end.set()
        await asyncio.to_thread(engine._threads.shutdown)

    asyncio.run(ask())


def test_more_bytes_than_fit_are_429_and_leave_the_room_as_it_was(monkeypatch, busy):
    busy.end.set()
    app = unloaded(monkeypatch, ServiceSettings(max_buffered_bytes=1000), busy.rate)

    async def ask() -> None:
        async with client_of(app) as client:
            answer = await client.post("/v1/analyze", content=bytes(1001))
            assert error_of(answer) == (429, "overloaded") and answer.headers["retry-after"] == "5"
            assert error_of(await client.post("/v1/analyze", content=bytes(1000))) == (422, "silent")

    asyncio.run(ask())


def test_a_form_that_breaks_off_is_400_and_leaves_no_file_open(monkeypatch, busy):
    app = unloaded(monkeypatch, ServiceSettings(), busy.rate)
    begun = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + bytes(SIZE)

    async def ask(body: bytes) -> httpx.Response:
        async with client_of(app) as client:
            kind = {"content-type": "multipart/form-data; boundary=b"}
            return await client.post("/v1/analyze", content=body, headers=kind)

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        answer = asyncio.run(ask(begun))
        gc.collect()
    assert error_of(answer) == (400, "invalid_request") and "breaks off" in answer.json()["error"]["message"]
    assert not [str(of.message) for of in warned]
    busy.end.set()
    assert error_of(asyncio.run(ask(begun + b"\r\n--b--\r\n"))) == (422, "silent")
    assert busy.begun == [bytes(8)]


def test_a_failure_is_500_and_its_traceback_is_in_the_log_alone(monkeypatch, caplog):
    def rate(body: Body) -> None:
        raise RuntimeError("/home/somebody/secret")

    app = unloaded(monkeypatch, ServiceSettings(), rate)

    async def ask() -> httpx.Response:
        async with client_of(app) as client:
            return await client.post("/v1/analyze", content=b"RIFF", headers={"x-request-id": "mine-1"})

    with caplog.at_level(logging.ERROR, "crescendai.api"):
        answer = asyncio.run(ask())
    assert error_of(answer) == (500, "internal") and answer.json()["error"]["request_id"] == "mine-1"
    assert "secret" not in answer.text and "Traceback" not in answer.text and "RuntimeError" not in answer.text
    (record,) = caplog.records
    assert "/home/somebody/secret" in str(record.exc_info[1]) and record.fields == {"request_id": "mine-1"}


def test_without_a_model_the_process_is_told_to_end(monkeypatch, tmp_path: Path, caplog):
    told = threading.Event()

    def kill(*what: int) -> None:
        assert what == (os.getpid(), signal.SIGTERM)
        told.set()

    monkeypatch.setattr(os, "kill", kill)
    app = create_app(ServiceSettings(), tmp_path / "none")

    async def live() -> None:
        async with app.router.lifespan_context(app), client_of(app) as client:
            await asyncio.to_thread(told.wait, 60)
            assert (await client.get("/readyz")).status_code == 503
            assert error_of(await client.post("/v1/analyze", content=b"RIFF")) == (503, "not_ready")

    asyncio.run(live())
    assert told.is_set() and "no model: " in caplog.text and "none.safetensors" in caplog.text


def test_clients_that_go_are_counted_and_what_waited_for_them_is_never_rated(monkeypatch, busy):
    app = unloaded(monkeypatch, ServiceSettings(workers=1), busy.rate)

    async def ask() -> None:
        async with client_of(app) as client:
            rated, waiting = Visitor(app, b"rated"), Visitor(app, b"waiting")
            await measured(client, "crescendai_under_way 2.0")
            await waiting.go()
            await measured(client, "crescendai_under_way 1.0")
            await rated.go()  # what has begun cannot be broken off, and keeps its place
            await measured(client, 'crescendai_requests_total{route="/v1/analyze",status="499"} 2.0')
            await measured(client, "crescendai_under_way 1.0")
            busy.end.set()
            await measured(client, "crescendai_under_way 0.0")
            assert error_of(await client.post("/v1/analyze", content=b"last")) == (422, "silent")

    asyncio.run(ask())
    assert busy.begun == [b"rated", b"last"]


class Visitor:
    """A client that posts a body and may go before there is an answer."""

    def __init__(self, app: FastAPI, body: bytes):
        self._messages = asyncio.Queue()
        self._messages.put_nowait({"type": "http.request", "body": body, "more_body": False})
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": "/v1/analyze", "raw_path": b"/v1/analyze", "query_string": b"", "headers": [], "root_path": "",
        }  # fmt: skip
        self._visit = asyncio.create_task(app(scope, self._messages.get, self._hear))

    async def go(self) -> None:
        self._messages.put_nowait({"type": "http.disconnect"})
        await asyncio.wait_for(self._visit, 30)

    async def _hear(self, message: dict) -> None:
        raise AssertionError(f"there is nobody to hear {message}")
