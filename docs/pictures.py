"""Takes the pictures of the page that the documentation shows, from the page itself.

    python docs/pictures.py --model MODEL --recording FILE [--folder docs/pictures]

Starts the service with the model, opens its page in a Chromium that is installed, has the recording rated, and writes
``page-{desktop,phone}-{light,dark}.png``: the results from their title on. Needs the extras ``dev`` and ``serve`` and
Pillow; takes a minute, most of it for the model to start.
"""

import argparse
import io
import os
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from crescendai.deployment.trial import local_service

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZES = {"desktop": (1280, 1180), "phone": (390, 1180)}
SCHEMES = ("light", "dark")
MAX_BYTES = 300_000
COLOURS = 192  # of a picture's palette: text stays sharp, and a file small
START_S = 300.0
CURSOR_AT = 0.4  # share of the recording


def picture(browser: Browser, address: str, recording: Path, size: tuple[int, int], scheme: str) -> bytes:
    """The results of a recording in a window, PNG."""
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce"
    )
    page.goto(address)
    page.set_input_files("#file", recording)
    page.wait_for_selector("#results:not([hidden])", timeout=120_000)
    page.wait_for_selector("#spectrogram[aria-busy=false]")
    page.wait_for_timeout(500)
    box = page.locator("#sound-axis .plot").bounding_box()
    page.mouse.click(box["x"] + CURSOR_AT * box["width"], box["y"] + 20)
    page.wait_for_timeout(300)
    taken = page.screenshot()
    page.close()
    return taken


def write_small(png: bytes, path: Path) -> None:
    """With a palette; whole or not at all."""
    partial = path.with_name(path.name + ".part")
    Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(
        partial, "PNG", optimize=True
    )
    size = partial.stat().st_size
    if size > MAX_BYTES:
        partial.unlink()
        sys.exit(f"{path}: expected at most {MAX_BYTES} bytes, found {size}; lower COLOURS")
    os.replace(partial, path)
    print(f"{path}: {size} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="a model's folder, or a model without suffix")
    parser.add_argument("--recording", type=Path, required=True, help="WAV, FLAC, MP3 or OGG; some minutes show most")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent / "pictures")
    options = parser.parse_args()
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        sys.exit(f"expected a browser, found none of {', '.join(BROWSERS)}; install one")
    options.folder.mkdir(parents=True, exist_ok=True)
    with local_service({}, options.model, START_S) as service, sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for name, size in SIZES.items():
            for scheme in SCHEMES:
                png = picture(browser, service.address, options.recording, size, scheme)
                write_small(png, options.folder / f"page-{name}-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main()
