"""What may go wrong on the way is said in plain words, and what to do."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.api.page.browsing import WAIT_MS, failure, rate, until
from tests.recordings import encoded, playing

pytestmark = pytest.mark.browser
FORGED = {"status": 429, "headers": {"Retry-After": "1"}, "content_type": "application/json"}


def test_files_that_cannot_be_rated(open_page, tmp_path: Path):
    page = open_page()
    for name, content, title, sentence in (
        ("a.wav", b"no sound at all" * 100, "no format that can be read", "expected"),
        ("a.flac", encoded(playing(20.0), "FLAC")[:20_000], "damaged", "expected"),
        ("b.wav", encoded(np.zeros(50_000, np.float32)), "Nothing is heard", "found silence"),
        ("c.wav", encoded(playing(0.4)), "Too short", "at least"),
        ("d.wav", encoded(playing(110.0)), "Too long", "at most 100 s"),
        ("e.wav", bytes(3_100_000), "too large", "3.1 mb"),
        ("f.wav", b"", "nothing in it", "no bytes"),
    ):
        file = tmp_path / name
        file.write_bytes(content)
        page.set_input_files("#file", file)
        until(page, "title => document.querySelector('#failure h3')?.textContent.includes(title)", title)
        assert sentence in page.inner_text("#failure").lower(), name
        assert page.locator("#offer").is_visible() and page.locator("#results").is_hidden()
    assert page.locator("#failure").get_attribute("role") == "alert"
    rate(page, {"name": "good.wav", "mimeType": "audio/wav", "buffer": encoded(playing(5.0))})
    assert page.inner_text("#failure") == ""


def forged(code: str, **changes) -> dict:
    body = {"error": {"code": code, "message": f"service: {code} happened.", "request_id": "abc123"}}
    return FORGED | {"body": json.dumps(body)} | changes


def test_a_busy_service_is_asked_again(open_page, recording: Path):
    page = open_page()
    asked = []

    def answer(route):
        asked.append(route.request.url)
        route.fulfill(**forged("overloaded")) if len(asked) == 1 else route.continue_()

    page.route("**/v1/analyze", answer)
    page.set_input_files("#file", recording)
    assert "busy" in failure(page) and "Trying again in" in page.inner_text("#failure")
    page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)
    assert len(asked) == 2 and page.inner_text("#failure") == ""


def test_waiting_can_be_stopped(open_page, recording: Path):
    page = open_page()
    page.route("**/v1/analyze", lambda route: route.fulfill(**forged("overloaded", headers={"Retry-After": "2"})))
    page.set_input_files("#file", recording)
    failure(page)
    page.get_by_role("button", name="Stop waiting").click()
    page.wait_for_timeout(2300)
    assert page.get_by_role("button", name="Try again").is_visible() and "Trying again" not in failure(page)


def test_a_service_that_fails_or_is_gone(open_page, recording: Path):
    page = open_page()
    answers = [
        (lambda route: route.fulfill(**forged("internal", status=500, headers={})), "The service failed", "abc123"),
        (lambda route: route.abort("connectionrefused"), "cannot be reached", "Check the connection"),
        (lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"), "no answer of this service", "502"),
    ]
    for answer, title, more in answers:
        page.route("**/v1/analyze", answer)
        page.set_input_files("#file", recording)
        until(page, "title => document.querySelector('#failure h3')?.textContent.includes(title)", title)
        assert more in page.inner_text("#failure")
        page.unroute("**/v1/analyze")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)


def test_a_key_is_asked_for_where_one_is_needed(open_page, recording: Path):
    page = open_page()
    keys = []

    def answer(route):
        keys.append(route.request.headers.get("authorization"))
        route.continue_() if keys[-1] == "Bearer secret" else route.fulfill(**forged("unauthorized", status=401))

    page.route("**/v1/analyze", answer)
    page.set_input_files("#file", recording)
    failure(page)
    page.get_by_label("Key").fill("secret")
    page.keyboard.press("Enter")
    page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)
    assert keys == [None, "Bearer secret"]
