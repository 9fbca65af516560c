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
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZES = {"desktop": (1280, 1180), "phone": (390, 1180)}
SCHEMES = ("light", "dark")
MAX_BYTES = 300_000
COLOURS = 192  # of a picture's palette: text stays sharp, and a file small
START_S = 300.0
CURSOR_AT = 0.4  # share of the recording


@contextmanager
def service(model: Path) -> Iterator[str]:
    """The address of a service that is ready."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "crescendai", "serve", "--model", str(model), "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            address, until = f"http://127.0.0.1:{port}", time.monotonic() + START_S
            while not is_ready(address):
                if process.poll() is not None or time.monotonic() > until:
                    sys.exit(f"{model}: expected a service that starts, found none; try: {' '.join(command)}")
                time.sleep(0.5)
            yield address
        finally:
            process.terminate()


def is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(address + "/readyz", timeout=30) as answer:
            return answer.status == 200
    except (urllib.error.URLError, TimeoutError):
        return False


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
    with service(options.model) as address, sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for name, size in SIZES.items():
            for scheme in SCHEMES:
                png = picture(browser, address, options.recording, size, scheme)
                write_small(png, options.folder / f"page-{name}-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main()
