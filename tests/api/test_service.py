"""The service says what its contract says, the same to one and to many."""

import io
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest

from crescendai.analysis.analyzer import Analyzer
from crescendai.api.contracts import AnalysisResult, DimensionsResponse, ErrorResponse
from crescendai.api.openapi import openapi_text
from crescendai.api.settings import ServiceSettings
from crescendai.dimensions import NAMES
from crescendai.shipped import open_shipped
from tests.api.served import serving
from tests.recordings import encoded, playing
from tests.shipped_models import FRONTEND

WAV = encoded(playing(15.0))
PROJECT = Path(__file__).parents[2]


def ratings(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.array([of.rating for of in AnalysisResult.model_validate_json(answer.content).dimensions])


@pytest.fixture(scope="module")
def direct(model_folder: Path) -> Analyzer:
    return Analyzer(open_shipped(model_folder))


def test_a_form_and_raw_bytes_say_what_the_analyzer_says(address: str, direct: Analyzer):
    expected = direct.analyze_audio(io.BytesIO(WAV), "recording")
    raw = httpx.post(address + "/v1/analyze", content=WAV, timeout=60)
    form = httpx.post(address + "/v1/analyze", files={"file": ("../../etc/passwd", WAV, "text/x")}, timeout=60)
    for answer in (raw, form):
        np.testing.assert_allclose(ratings(answer), expected.ratings, atol=1e-5)
    result = AnalysisResult.model_validate_json(raw.content)
    assert result.coverage == 0.9 and len(result.sections) == len(expected.sections)
    assert result.source is None and "passwd" not in form.text
    assert result.processing.request_id == raw.headers["x-request-id"]
    assert result.processing.sample_rate_hz == 11025 and abs(result.processing.duration_s - 15.0) < 1e-6


def test_many_at_once_are_rated_as_each_alone(address: str, direct: Analyzer):
    bodies = [encoded(playing(1.5 + 2.7 * k, seed=k)) for k in range(10)]
    with ThreadPoolExecutor(len(bodies)) as pool:
        answers = list(pool.map(lambda body: httpx.post(address + "/v1/analyze", content=body, timeout=120), bodies))
    for body, answer in zip(bodies, answers, strict=True):
        alone = direct.analyze_audio(io.BytesIO(body), "recording").ratings
        np.testing.assert_allclose(ratings(answer), alone, atol=1e-5)


def test_a_spectrogram_is_rated_as_its_recording(address: str, direct: Analyzer):
    from crescendai.analysis.recording import HeardRecording

    log_mel = np.concatenate(list(HeardRecording(io.BytesIO(WAV), "r", FRONTEND, 60).log_mel()))
    file = io.BytesIO()
    np.save(file, log_mel)
    npy = httpx.post(
        address + "/v1/spectrogram", content=file.getvalue(), headers={"content-type": "application/x-npy"}, timeout=60
    )
    as_json = httpx.post(address + "/v1/spectrogram", json={"log_mel": log_mel.tolist()}, timeout=60)
    expected = direct.analyze_audio(io.BytesIO(WAV), "recording").ratings
    np.testing.assert_allclose(ratings(npy), expected, atol=1e-5)
    np.testing.assert_allclose(ratings(as_json), expected, atol=1e-5)


def test_state_and_dimensions(address: str):
    found = DimensionsResponse.model_validate_json(httpx.get(address + "/v1/dimensions").content)
    assert tuple(of.name for of in found.dimensions) == NAMES
    assert httpx.get(address + "/healthz").json() == {"status": "ok"}
    ready = httpx.get(address + "/readyz").json()
    assert ready["ready"] and ready["model"]["name"] == "small" and ready["frontend"]["n_mels"] == 32
    assert "crescendai_requests_total{" in httpx.get(address + "/metrics").text


def test_every_answer_has_an_id_and_security_headers(address: str):
    for path, status in (("/", 200), ("/healthz", 200), ("/nowhere", 404), ("/v1/analyze", 405)):
        answer = httpx.get(address + path, headers={"x-request-id": "mine-1"})
        assert answer.status_code == status
        assert answer.headers["x-request-id"] == "mine-1"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    forged = httpx.get(address + "/nowhere", headers={"x-request-id": "a b\t{}"})
    assert forged.headers["x-request-id"] != "a b\t{}"
    assert ErrorResponse.model_validate_json(forged.content).error.code == "not_found"
    assert (
        "access-control-allow-origin" not in httpx.get(address + "/", headers={"origin": "https://a.example"}).headers
    )


def test_a_key_and_origins_where_they_are_set(model_folder: Path):
    settings = ServiceSettings(api_key="secret", cors_origins="https://a.example", decoders=1)
    with serving(model_folder, settings) as guarded:
        for key in (None, "Bearer wrong", "secret", "Bearer secrét"):
            headers = {} if key is None else {"authorization": key.encode()}
            answer = httpx.post(guarded + "/v1/analyze", content=WAV, headers=headers)
            assert answer.status_code == 401 and answer.json()["error"]["code"] == "unauthorized"
        headers = {"authorization": "Bearer secret", "origin": "https://a.example"}
        answer = httpx.post(guarded + "/v1/analyze", content=WAV, headers=headers, timeout=60)
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        assert len(ratings(answer)) == len(NAMES)
        assert httpx.get(guarded + "/healthz").status_code == 200


def test_overload_is_429_and_what_was_taken_is_answered(model_folder: Path):
    settings = ServiceSettings(workers=1, queue_size=1, decoders=1, max_duration_s=3600)
    body = encoded(np.tile(playing(2.0), 100), "FLAC")
    with serving(model_folder, settings) as busy, ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: httpx.post(busy + "/v1/analyze", content=body, timeout=300), range(12)))
    codes = [answer.status_code for answer in answers]
    assert set(codes) == {200, 429}
    refused = answers[codes.index(429)]
    assert int(refused.headers["retry-after"]) >= 1 and refused.json()["error"]["code"] == "overloaded"


def test_stopped_it_refuses_what_waits_in_its_own_words(model_folder: Path):
    settings = ServiceSettings(workers=1, decoders=1, max_duration_s=3600, shutdown_timeout_s=1)
    body = encoded(np.tile(playing(2.0), 300), "FLAC")
    with ThreadPoolExecutor(8) as pool:
        with serving(model_folder, settings) as stopped:
            sent = [pool.submit(httpx.post, stopped + "/v1/analyze", content=body, timeout=300) for _ in range(8)]
            while "crescendai_under_way 8.0" not in httpx.get(stopped + "/metrics", timeout=60).text:
                assert not any(of.done() for of in sent), "expected all to wait at the same time"
                time.sleep(0.02)
        answers = [of.result() for of in sent]
    codes = {answer.status_code: answer for answer in answers}
    assert set(codes) <= {200, 503} and codes[503].json()["error"]["code"] == "not_ready"


def test_the_committed_contract_is_the_services():
    committed = (PROJECT / "docs" / "openapi.json").read_text(encoding="utf-8")
    assert committed == openapi_text(), "run: python -m crescendai.api.openapi docs/openapi.json"
    assert set(json.loads(committed)["paths"]) == {
        "/v1/analyze", "/v1/spectrogram", "/v1/dimensions", "/healthz", "/readyz", "/metrics",
    }  # fmt: skip
