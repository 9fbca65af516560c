"""The HTTP service: recordings and spectrograms in, ratings out. `docs/service.md` describes it."""

import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI, Request, Security
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import PlainTextResponse, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from crescendai.api.answers import analysis_result, dimension_infos
from crescendai.api.bodies import FORM, NOT_AUDIO, Body, Buffers, content_type
from crescendai.api.contracts import (
    AnalysisResult,
    AudioUpload,
    DimensionsResponse,
    ErrorResponse,
    Health,
    Limits,
    ModelInfo,
    Readiness,
    SpectrogramRequest,
)
from crescendai.api.engine import Engine
from crescendai.api.gate import Gate
from crescendai.api.observing import Metrics
from crescendai.api.page import Page
from crescendai.api.presence import while_present
from crescendai.api.refusals import Refusal
from crescendai.api.settings import ServiceSettings
from crescendai.audio.stream import MIN_DURATION_S
from crescendai.dimensions import NUM_DIMENSIONS

log = logging.getLogger("crescendai.api")
RAW = {"schema": {"type": "string", "format": "binary"}}
ERRORS = {
    status: {"model": ErrorResponse, "description": text}
    for status, text in {
        400: "Empty, or not what it should be", 401: "No valid key, where one is asked for",
        408: "The upload took too long", 413: "Too large or too long", 415: "Another kind of content",
        422: "Cannot be rated: damaged, silent, too short …", 429: "Too many requests; see Retry-After",
        500: "It failed; its log says why", 503: "Not ready, or no result in time; see Retry-After",
    }.items()
}  # fmt: skip
# For the contract alone: `Gate` is what looks at keys. No scheme is right, too, where the service was given none.
KEY = HTTPBearer(scheme_name="key", description="The service's API key, where it has one", auto_error=False)
GUARDED = {"dependencies": [Security(KEY)]}
OR_NO_KEY = {"security": [{}]}


def create_app(settings: ServiceSettings | None = None, model: Path | None = None) -> FastAPI:
    """The service as an ASGI application; it loads its model when it is started.

    settings: from the environment by default. model: path of another than the package's own.
    """
    settings = ServiceSettings.of() if settings is None else settings
    engine, metrics, buffers = Engine(settings, model, _give_up), Metrics(), Buffers(settings.max_buffered_bytes)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        engine.start()
        yield
        engine.stop()

    app = FastAPI(
        title="CrescendAI", version=version("crescendai"), lifespan=life, docs_url=None, redoc_url=None,
        redirect_slashes=False,
        description=f"Rates how a piano performance is played, from its sound, on {NUM_DIMENSIONS} dimensions.",
    )  # fmt: skip
    app.add_middleware(Gate, metrics=metrics, api_key=settings.api_key)
    if settings.cors_origins:  # outermost, so that errors can be read from other origins too
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[origin.strip() for origin in settings.cors_origins.split(",")],
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID", "Retry-After"],
        )
    app.add_exception_handler(HTTPException, _as_refusal)
    _add_ratings(app, engine, settings, buffers, metrics)
    _add_state(app, engine, settings, metrics)
    _add_head(app)
    # What no route above has taken is looked for among the page's files, and only there.
    app.router.default = Page()
    return app


def _add_ratings(app: FastAPI, engine: Engine, settings: ServiceSettings, buffers: Buffers, metrics: Metrics) -> None:
    audio = {
        FORM: {"schema": AudioUpload.model_json_schema()},
        **{kind: RAW for kind in ("audio/wav", "audio/flac", "audio/mpeg", "audio/ogg", "application/octet-stream")},
    }

    @app.post(
        "/v1/analyze", response_model=AnalysisResult, responses=ERRORS, summary="Rate a recording", **GUARDED,
        openapi_extra={"requestBody": {"required": True, "content": audio}, **OR_NO_KEY},
    )  # fmt: skip
    async def analyze(request: Request) -> Response:
        engine.check_room()
        if content_type(request).startswith(NOT_AUDIO):
            raise Refusal(
                "unsupported_media_type", "upload: expected a form with a file, or a recording's bytes, found text."
            )
        async with Body(request, buffers, settings.max_body_bytes, settings) as body:
            analysis = await while_present(request, engine.rate_audio(body))
        return _answer(analysis, request)

    spectrogram = {
        "application/json": {"schema": SpectrogramRequest.model_json_schema()},
        "application/x-npy": RAW,
    }

    @app.post(
        "/v1/spectrogram", response_model=AnalysisResult, responses=ERRORS, summary="Rate a log-mel spectrogram",
        **GUARDED, openapi_extra={"requestBody": {"required": True, "content": spectrogram}, **OR_NO_KEY},
    )  # fmt: skip
    async def rate_spectrogram(request: Request) -> Response:
        engine.check_room()
        kind = content_type(request)
        if kind not in spectrogram:
            raise Refusal(
                "unsupported_media_type", "upload: expected application/json or application/x-npy, found another type."
            )
        is_json = kind == "application/json"
        most = settings.max_json_bytes if is_json else settings.max_body_bytes
        async with Body(request, buffers, most, settings) as body:
            analysis = await while_present(request, engine.rate_spectrogram(body, is_json))
        return _answer(analysis, request)

    def _answer(analysis, request: Request) -> Response:
        metrics.audio_seconds.inc(analysis.duration_s)
        result = analysis_result(analysis, engine.shipped.identity, request_id=request.state.request_id)
        # Written here and not by FastAPI, which would check the same model a second time.
        return Response(result.model_dump_json(), media_type="application/json", headers={"Cache-Control": "no-store"})


def _add_state(app: FastAPI, engine: Engine, settings: ServiceSettings, metrics: Metrics) -> None:
    @app.get(
        "/v1/dimensions", responses={status: ERRORS[status] for status in (401, 500)}, **GUARDED,
        summary="What is rated, and between which poles", openapi_extra=OR_NO_KEY,
    )  # fmt: skip
    async def dimensions() -> DimensionsResponse:
        return DimensionsResponse(dimensions=dimension_infos())

    @app.get("/healthz", summary="Whether the process answers")
    async def health() -> Health:
        return Health()

    @app.get("/readyz", responses={503: {"model": Readiness}}, summary="Whether recordings are taken")
    async def readiness(response: Response) -> Readiness:
        response.status_code = 200 if engine.ready else 503
        shipped = engine.shipped
        return Readiness(
            ready=engine.ready,
            model=None if shipped is None else ModelInfo(**asdict(shipped.identity)),
            frontend=None if shipped is None else shipped.model.frontend,
            limits=Limits(
                max_body_bytes=settings.max_body_bytes, max_duration_s=settings.max_duration_s,
                min_duration_s=MIN_DURATION_S,
            ),
        )  # fmt: skip

    @app.get("/metrics", response_class=PlainTextResponse, summary="For Prometheus")
    async def measured() -> Response:
        metrics.under_way.set(engine.under_way)
        metrics.ready.set(engine.ready)
        return PlainTextResponse(metrics.text(), media_type="text/plain; version=0.0.4")


def _add_head(app: FastAPI) -> None:
    """HEAD where there is GET; servers leave out the body. The contract says nothing of it."""
    for route in [of for of in app.routes if isinstance(of, APIRoute) and "GET" in of.methods]:
        app.head(route.path, include_in_schema=False)(route.endpoint)


async def _as_refusal(request: Request, error: HTTPException) -> Response:
    """What the framework refuses, in the project's words: `Gate` answers."""
    if error.status_code == 405:
        taken = {method for of in request.app.routes if of.path == request.scope["path"] for method in of.methods}
        allow = ", ".join(sorted(taken)) or error.headers["Allow"]
        raise Refusal("method_not_allowed", f"service: expected {allow} for this path, found another.", allow=allow)
    if error.status_code == 404:
        raise Refusal("not_found", "service: expected a path that exists, found another.")
    raise Refusal("invalid_request", "service: expected a well-formed request, found another.")


def _give_up(error: Exception) -> None:
    """Without a model there is no service."""
    log.error("no model: %s", error, exc_info=error)
    os.kill(os.getpid(), signal.SIGTERM)
