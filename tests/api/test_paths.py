"""Every path and method has the answer that HTTP asks for, in the service's words."""

import asyncio
import json

import httpx
import pytest

from crescendai.api.contracts import ErrorResponse
from crescendai.api.openapi import openapi_text
from crescendai.api.settings import ServiceSettings
from tests.api.unloaded import client_of, unloaded

SCRIPT = "/script/main.js"


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch):
    """Asks a service that has no model."""

    def ask(method: str, path: str, headers: dict | None = None, settings: ServiceSettings | None = None):
        app = unloaded(monkeypatch, settings or ServiceSettings())

        async def one() -> httpx.Response:
            async with client_of(app) as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(one())

    return ask


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/dimensions", "/metrics", "/openapi.json", "/", SCRIPT])
def test_what_can_be_got_has_a_head(ask, path: str):
    assert ask("GET", path).status_code == ask("HEAD", path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/analyze", "POST"), ("HEAD", "/v1/spectrogram", "POST"), ("DELETE", "/v1/analyze", "POST"),
        ("POST", "/v1/dimensions", "GET, HEAD"), ("PUT", "/healthz", "GET, HEAD"), ("POST", "/", "GET, HEAD"),
        ("POST", SCRIPT, "GET, HEAD"), ("OPTIONS", "/index.html", "GET, HEAD"), ("POST", "/openapi.json", "GET, HEAD"),
    ],
)  # fmt: skip
def test_another_method_is_405_and_says_which_there_are(ask, method: str, path: str, allow: str):
    answer = ask(method, path)
    assert (answer.status_code, answer.headers.get("allow")) == (405, allow)
    assert method == "HEAD" or ErrorResponse.model_validate_json(answer.content).error.code == "method_not_allowed"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["/v1/nowhere", "/v1/analyze/", "/healthz/", "/script", "/nowhere.js", "/v1"])
def test_a_path_that_is_none_is_404_whatever_the_method(ask, method: str, path: str):
    answer = ask(method, path)
    assert answer.status_code == 404 and "allow" not in answer.headers
    assert ErrorResponse.model_validate_json(answer.content).error.code == "not_found"


def test_files_of_the_page_are_asked_for_again_and_come_whole(ask):
    whole = ask("GET", SCRIPT)
    assert whole.headers["cache-control"] == "no-cache" and whole.headers["accept-ranges"] == "none"
    assert ask("GET", "/").headers["cache-control"] == "no-cache"
    same = ask("GET", SCRIPT, {"if-none-match": whole.headers["etag"]})
    assert (same.status_code, same.content, same.headers["cache-control"]) == (304, b"", "no-cache")
    for wanted in ("bytes=0-3", "bytes=99999999-", "bytes=x", "lines=1-2", "bytes=0-1,5-6"):
        answer = ask("GET", SCRIPT, {"range": wanted})
        assert (answer.status_code, answer.content) == (200, whole.content)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (b"Bearer 5ecret", 200), (b"bearer 5ecret", 200), (b"BEARER   5ecret", 200), (None, 401), (b"", 401),
        (b"Bearer", 401), (b"Bearer 5ecre", 401), (b"Bearer 5ecret2", 401), (b"5ecret", 401), (b"Basic 5ecret", 401),
        ("Bearer 5ecrét".encode(), 401), (b"Bearer \xff", 401),
    ],
)  # fmt: skip
def test_a_key_is_compared_byte_for_byte_after_its_scheme(ask, given: bytes | None, status: int):
    answer = ask("GET", "/v1/dimensions", {"authorization": given} if given is not None else None,
                 ServiceSettings(api_key="5ecret"))  # fmt: skip
    assert answer.status_code == status
    assert answer.headers.get("www-authenticate") == (None if status == 200 else "Bearer")


def test_the_contract_says_where_a_key_may_be_needed_and_that_it_may_fail():
    contract = json.loads(openapi_text())
    assert contract["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for path, methods in contract["paths"].items():
        for operation in methods.values():
            guarded = path.startswith("/v1/")
            assert operation.get("security") == ([{"key": []}, {}] if guarded else None)
            assert ({"401", "500"} <= set(operation["responses"])) == guarded
