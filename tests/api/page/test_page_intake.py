"""Recordings come in: made in the page, from the microphone, dropped; and may be taken back."""

from pathlib import Path

import pytest

from tests.api.page.browsing import DRAWN, WAIT_MS, until
from tests.recordings import encoded, playing

pytestmark = pytest.mark.browser
# The microphone opens once `allow` is called, as when somebody takes their time to answer the browser.
DELAYED = """() => {
    const devices = navigator.mediaDevices, open = devices.getUserMedia.bind(devices);
    const allowed = new Promise(allow => { window.allow = allow; });
    devices.getUserMedia = async wanted => {
        window.asked = true;
        await allowed;
        return window.stream = await open(wanted);
    };
}"""
OFF = "Boolean(window.stream) && window.stream.getTracks().every(of => of.readyState === 'ended')"


def drop(page) -> None:
    page.evaluate(
        """bytes => {
            const files = new DataTransfer();
            files.items.add(new File([new Uint8Array(bytes)], "dropped.wav"));
            document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: files, bubbles: true, cancelable: true}));
        }""",
        list(encoded(playing(2.0))),
    )


def uploads(page) -> int:
    return sum("v1/analyze" in of for of in page.addresses)


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
    page.wait_for_selector("#offer", timeout=WAIT_MS)
    assert len(sent) == 1 and page.troubles == []


def test_a_take_stops_itself_while_it_is_short_enough(open_page):
    page = open_page()
    limits = {"max_body_bytes": 3_000_000, "max_duration_s": 3.0, "min_duration_s": 1.0}
    page.route("**/readyz", lambda route: route.fulfill(json={"model": None, "limits": limits}))
    page.reload()
    page.click("#record")
    page.wait_for_selector("#results:not([hidden]), #failure h3", timeout=WAIT_MS)
    assert page.inner_text("#failure") == "" and page.inner_text("#longest") == "of at most 0:02"


def give_up(page, instead: str, button: str) -> None:
    """By a file that is rated in its place, or by the button."""
    if instead == "drop":
        drop(page)
        page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)
    else:
        page.click(button)


@pytest.mark.parametrize("instead", ["drop", "cancel"])
def test_a_take_is_given_up_while_the_browser_asks(open_page, instead: str):
    page = open_page()
    page.evaluate(DELAYED)
    page.click("#record")
    until(page, "window.asked === true")
    assert page.locator("#offer").is_hidden()
    give_up(page, instead, "#cancel")
    page.evaluate("window.allow()")
    until(page, OFF)
    page.wait_for_timeout(300)
    assert page.locator("#offer").is_visible() and page.locator("#taking").is_hidden()
    assert uploads(page) == (instead == "drop") and page.troubles == []


@pytest.mark.parametrize("instead", ["drop", "discard"])
def test_a_take_is_given_up_while_it_is_recorded(open_page, instead: str):
    page = open_page()
    page.evaluate(DELAYED)
    page.evaluate("window.allow()")
    page.click("#record")
    page.wait_for_selector("#taking:not([hidden])", timeout=WAIT_MS)
    give_up(page, instead, "#discard")
    until(page, OFF)
    page.wait_for_timeout(300)
    assert page.locator("#offer").is_visible() and uploads(page) == (instead == "drop")


@pytest.mark.parametrize("instead", ["drop", "discard"])
def test_a_take_is_given_up_while_it_is_decoded(open_page, instead: str):
    page = open_page()
    page.evaluate("""() => {
        const { prototype } = OfflineAudioContext, decode = prototype.decodeAudioData;
        prototype.decodeAudioData = async function (bytes) {
            prototype.decodeAudioData = decode; // of the take only
            window.decoding = true;
            await new Promise(go => { window.go = go; });
            return decode.call(this, bytes);
        };
    }""")
    page.click("#record")
    until(page, "document.getElementById('elapsed').textContent >= '0:01'")
    page.click("#finish")
    until(page, "window.decoding === true")
    give_up(page, instead, "#discard")
    page.evaluate("window.go()")
    page.wait_for_timeout(500)
    assert page.locator("#offer").is_visible() and uploads(page) == (instead == "drop")
    assert page.locator("#results").is_visible() == (instead == "drop")


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
    drop(page)
    page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)
    assert page.inner_text("#results-title") == "dropped.wav"
