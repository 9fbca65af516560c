"""Recordings come in: made in the page, from the microphone, dropped; and may be taken back."""

from pathlib import Path

import pytest

from tests.api.page.browsing import DRAWN, WAIT_MS, until
from tests.recordings import encoded, playing

pytestmark = pytest.mark.browser


def test_the_example_is_made_in_the_page(open_page):
    page = open_page()
    page.click("#example")
    page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)
    assert "synthesised" in page.inner_text("#results-title")
    assert page.locator("#staves .stave").count() == 4
    assert page.evaluate(DRAWN, "waveform") >= 3
    assert page.troubles == []


def test_a_take_from_the_microphone_is_rated(open_page):
    page = open_page()
    sent = []
    page.on("request", lambda request: sent.append(request.post_data_buffer) if "analyze" in request.url else None)
    page.click("#record")
    until(page, "document.getElementById('elapsed').textContent >= '0:02'")
    assert page.evaluate("document.activeElement.id") == "finish"
    page.click("#finish")
    page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)
    assert page.inner_text("#results-title").startswith("Recorded at")
    assert "44.1 kHz, mono" in page.inner_text("#facts")
    assert "one section" in page.inner_text("#timeline-note") and page.locator("#timeline").is_hidden()
    page.click("#record")
    page.wait_for_selector("#discard")
    page.click("#discard")
    page.wait_for_selector("#offer", timeout=WAIT_MS)  # once the recorder has stopped
    assert page.troubles == []


def test_two_clicks_open_the_microphone_once(open_page):
    page = open_page()
    page.evaluate("""() => {
        const devices = navigator.mediaDevices, open = devices.getUserMedia.bind(devices);
        window.opened = 0;
        devices.getUserMedia = (wanted) => { window.opened += 1; return open(wanted); };
    }""")
    page.evaluate("() => { const record = document.getElementById('record'); record.click(); record.click(); }")
    until(page, "document.getElementById('elapsed').textContent >= '0:01'")
    assert page.evaluate("window.opened") == 1
    page.click("#discard")
    page.wait_for_selector("#offer", timeout=WAIT_MS)
    assert page.troubles == []


def test_what_is_under_way_can_be_cancelled(open_page, recording: Path):
    page = open_page()
    page.route("**/v1/analyze", lambda route: None)  # never answers
    page.set_input_files("#file", recording)
    page.click("#cancel")
    assert page.locator("#offer").is_visible() and page.evaluate("document.activeElement.id") == "choose"
    assert page.inner_text("#failure") == "" and page.locator("#results").is_hidden()


def test_a_file_can_be_dropped(open_page):
    page = open_page()
    page.evaluate(
        """bytes => {
            const files = new DataTransfer();
            files.items.add(new File([new Uint8Array(bytes)], "dropped.wav"));
            document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: files, bubbles: true, cancelable: true}));
        }""",
        list(encoded(playing(2.0))),
    )
    page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)
    assert page.inner_text("#results-title") == "dropped.wav"
