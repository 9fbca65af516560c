"""What was rated is drawn, marked, played and chosen from."""

from pathlib import Path

import numpy as np
import pytest

from crescendai.api.contracts import AnalysisResult
from crescendai.dimensions import DIMENSIONS, NUM_DIMENSIONS
from tests.api.page.browsing import CURSOR_X, DRAWN, PLAYING_S, rate, until
from tests.recordings import encoded, playing

pytestmark = pytest.mark.browser


def test_a_recording_is_rated_and_drawn(shared):
    assert shared.inner_text("#results-title") == "my piece.flac"
    assert shared.locator("#groups li").count() == NUM_DIMENSIONS
    assert shared.locator("#groups .interval").count() == NUM_DIMENSIONS
    assert shared.locator("#groups h4").all_inner_texts() == list(
        dict.fromkeys(of.group[0].upper() + of.group[1:] for of in DIMENSIONS)
    )
    assert shared.evaluate(DRAWN, "waveform") >= 3
    until(shared, f"({DRAWN})('spectrogram') > 50")
    assert "interval" in shared.inner_text("#key") and "90 %" in shared.inner_text("#key")
    assert "the neutral answer, 4 on PercePiano’s seven steps" in shared.inner_text("#key")
    assert "silence" in shared.locator(".warning").evaluate_all("all => all.map(of => of.dataset.code)")


def test_marks_stand_where_the_ratings_say(shared):
    with shared.expect_download() as download:
        shared.click("#download")
    assert download.value.suggested_filename == "my-piece.crescendai.json"
    result = AnalysisResult.model_validate_json(download.value.path().read_bytes())
    for of in result.dimensions:
        row = shared.locator(f"#groups li[data-name={of.name}]")
        assert float(row.locator(".mark").get_attribute("cx").rstrip("%")) == pytest.approx(100 * of.rating)
        assert float(row.locator(".interval").get_attribute("x1").rstrip("%")) == pytest.approx(100 * of.lower)
        assert float(row.locator(".neutral").get_attribute("x1").rstrip("%")) == pytest.approx(100 * 4 / 7)
        said = row.locator(".hidden").inner_text()
        assert f"From {of.low_pole} (0.14) to {of.high_pole} (1): {of.rating:.2f}, interval {of.lower:.2f}" in said


def test_playing_moves_the_cursor_and_the_marks(open_page, recording: Path):
    page = open_page()
    rate(page, recording)
    page.evaluate("document.getElementById('audio').muted = true")
    before = page.evaluate(CURSOR_X)
    assert page.locator("#groups .now[hidden]").count() == NUM_DIMENSIONS
    page.click("#play")
    until(page, f"{CURSOR_X} > {before} + 3")
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    assert page.locator("#groups .now:not([hidden])").count() == NUM_DIMENSIONS
    page.click("#play")
    until(page, "document.getElementById('play').getAttribute('aria-label') === 'Play'")  # which takes it a while


@pytest.mark.parametrize("axis", ["#sound-axis", "#timeline-axis"])
def test_a_click_seeks(shared, axis: str):
    shared.locator(axis).scroll_into_view_if_needed()
    box = shared.locator(f"{axis} .plot").bounding_box()
    shared.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 10)
    assert shared.evaluate("document.getElementById('audio').currentTime") == pytest.approx(0.75 * PLAYING_S, abs=0.2)
    assert shared.locator(axis).get_attribute("aria-valuetext") == "19 seconds of 26 seconds"
    assert shared.inner_text("#clock") == "0:19"


def test_the_timeline_follows_what_is_chosen(shared):
    assert shared.locator("#staves .stave").count() == 4
    assert shared.locator("#staves rect").count() >= 4  # the silence, in each stave
    shared.click(".chooser summary")
    shared.click("#choose-none")
    assert shared.locator("#staves .stave").count() == 0
    shared.get_by_label("stable – unstable").check()
    assert shared.locator("#staves .stave").evaluate_all("all => all.map(of => of.dataset.name)") == [
        "timing_stability"
    ]
    points = shared.locator("#staves polyline").evaluate_all(
        "all => all.map(of => [...of.points].map(point => [point.x, point.y]))"
    )
    assert len(points) == 2  # the line breaks at the silence
    x = np.concatenate(points)[:, 0]
    assert np.all(np.diff(x) >= 0) and x[0] == 0 and x[-1] == 1000
    cells = shared.locator("#sections tbody tr > *").all_text_contents()
    assert cells[::2] == ["0:00 – 0:12", "0:06 – 0:18", "0:12 – 0:26"]
    assert cells[3] == "hardly a sound" and 0 <= float(cells[1]) <= 1
    shared.click("#choose-changing")
    shared.click(".chooser summary")


def test_no_picture_of_the_recording_before_is_left(open_page):
    page = open_page()

    def rated(name: str) -> None:
        rate(page, {"name": name, "mimeType": "audio/wav", "buffer": encoded(playing(3.0))})
        until(page, "name => document.getElementById('results-title').textContent === name", name)

    rated("a.wav")
    until(page, f"({DRAWN})('spectrogram') > 50")
    page.evaluate("""() => {
        window.Worker = class { // computes without end
            static all = [];
            constructor() { Worker.all.push(this); }
            postMessage() {}
            terminate() { this.ended = true; }
        };
    }""")
    rated("b.wav")
    assert page.evaluate(DRAWN, "spectrogram") == 1 and page.evaluate(DRAWN, "waveform") >= 3
    assert page.get_attribute("#spectrogram", "aria-busy") == "true"
    rated("c.wav")
    assert page.evaluate("Worker.all.map(of => Boolean(of.ended))") == [True, False]
    page.evaluate("Worker.all[1].onerror(new Event('error'))")
    assert page.locator("#spectrogram").is_hidden() and page.locator("#waveform").is_visible()
    assert page.get_attribute("#spectrogram", "aria-busy") == "false"


@pytest.mark.parametrize("width", [1280, 360])
def test_what_the_browser_cannot_play_leaves_the_next_recording_playable(open_page, width: int):
    page = open_page(width)
    for name, subtype, playable in (("a.wav", "PCM_16", True), ("b.wav", "DOUBLE", False), ("c.wav", "PCM_16", True)):
        rate(page, {"name": name, "mimeType": "audio/wav", "buffer": encoded(playing(5.0), subtype=subtype)})
        until(page, "name => document.getElementById('results-title').textContent === name", name)
        until(page, "able => document.getElementById('play').disabled !== able", playable)
        assert page.locator("#play-trouble").is_visible() != playable
        assert page.locator("#play-note").is_visible() == (playable and width == 1280)  # of keys, which phones lack
