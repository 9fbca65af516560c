"""What may go wrong on the way is said in plain words, and what to do."""

import json
from pathlib import Path

import numpy as np
import pytest

from crescendai.api.contracts import ErrorCode
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
        (lambda route: route.fulfill(status=504, json={"error": "Timeout"}), "no answer of this service", "504"),
        (lambda route: route.fulfill(status=500, body="null"), "no answer of this service", "500"),
        (lambda route: route.fulfill(json={"login": "/"}), "no answer of this service", "200"),
    ]
    for answer, title, more in answers:
        page.route("**/v1/analyze", answer)
        page.set_input_files("#file", recording)
        said = "parts => parts.every(of => document.getElementById('failure').textContent.includes(of))"
        until(page, said, [title, more])
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
    assert "asks for a key" in page.inner_text("#failure")
    page.get_by_label("Key").fill("sec’ret")  # with a curly quote, which no header can carry
    page.keyboard.press("Enter")
    assert page.locator("#failure input:invalid").count() == 1
    page.get_by_label("Key").fill("wrong")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('#failure h3')?.textContent === 'That key is not accepted'")
    assert page.evaluate("document.activeElement.type") == "password"
    page.keyboard.type("secret")
    page.keyboard.press("Enter")
    page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)
    assert keys == [None, "Bearer wrong", "Bearer secret"] and page.inner_text("#failure") == ""


@pytest.mark.parametrize("answer", [{"status": 502, "json": {"message": "Bad gateway"}}, {"json": {"limits": {}}}])
def test_what_a_proxy_says_of_readiness_breaks_nothing(open_page, recording: Path, answer: dict):
    page = open_page()
    page.route("**/readyz", lambda route: route.fulfill(**answer))
    with page.expect_response("**/readyz"):
        page.reload()
    page.click("#record")
    page.wait_for_selector("#taking:not([hidden])", timeout=WAIT_MS)
    page.click("#discard")
    rate(page, recording)
    assert "MB" not in page.inner_text("#limits")
    page.unroute("**/readyz")
    rate(page, {"name": "next.wav", "mimeType": "audio/wav", "buffer": encoded(playing(5.0))})
    until(page, "document.getElementById('limits').textContent.includes('3 MB')")
    assert not [of for of in page.troubles if "502" not in of]


def test_a_fault_of_the_page_is_said(open_page, recording: Path):
    page = open_page()
    page.evaluate("window.groupBy = Map.groupBy; Map.groupBy = undefined")  # as in a browser of 2023
    page.set_input_files("#file", recording)
    said = failure(page)
    assert "This page failed" in said and "Map.groupBy is not a function" in said
    assert page.locator("#offer").is_visible() and page.locator("#results").is_hidden()
    page.wait_for_timeout(100)  # what was thrown arrives
    assert any("Map.groupBy is not a function" in of for of in page.troubles)
    page.evaluate("() => { Map.groupBy = window.groupBy; }")
    rate(page, recording)
    assert page.inner_text("#failure") == ""


def test_a_microphone_that_was_refused_can_be_tried_again(open_page):
    page = open_page()
    page.evaluate("""() => {
        const devices = navigator.mediaDevices, open = devices.getUserMedia;
        devices.getUserMedia = async () => {
            devices.getUserMedia = open;
            throw new DOMException("no", "NotAllowedError");
        };
    }""")
    page.click("#record")
    assert "It was not allowed." in failure(page) and page.locator("#offer").is_visible()
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector("#taking:not([hidden])", timeout=WAIT_MS)
    assert page.inner_text("#failure") == "" and page.troubles == []
    page.click("#discard")


def test_every_code_of_the_service_has_its_words(shared):
    worded = shared.evaluate("async () => Object.keys((await import('/script/failures.js')).FAILURES)")
    assert set(ErrorCode) <= set(worded)
