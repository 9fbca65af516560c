"""A service tried from outside: it gets ready, and rates one recording."""

import io
import json
import math
import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from crescendai.dimensions import NAMES
from crescendai.errors import CrescendaiError

RATE_HZ = 22050
POLL_S = 0.5
ANSWER_TIMEOUT_S = 150.0
STOP_TIMEOUT_S = 40.0  # a little more than the service's own default for what is under way


def some_playing(duration_s: float = 6.0, seed: int = 0) -> bytes:
    """A WAV file of struck tones that die away: enough for an answer, and no music."""
    chance, samples = random.Random(seed), [0.0] * round(duration_s * RATE_HZ)
    for first in range(0, len(samples), RATE_HZ // 3):
        pitch_hz, level = 440.0 * 2 ** (chance.randrange(-24, 13) / 12), chance.uniform(0.05, 0.3)
        for i in range(first, len(samples)):
            t = (i - first) / RATE_HZ
            samples[i] += level * math.exp(-5 * t) * math.sin(2 * math.pi * pitch_hz * t)
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, RATE_HZ, len(samples), "NONE", ""))
        written.writeframes(b"".join(
            round(32767 * max(-1.0, min(1.0, value))).to_bytes(2, "little", signed=True) for value in samples
        ))  # fmt: skip
    return file.getvalue()


class LocalService(NamedTuple):
    address: str
    pid: int


@contextmanager
def local_service(environment: Mapping[str, str], model: Path | None, timeout_s: float) -> Iterator[LocalService]:
    """`crescendai serve` as a process of its own on a free port of this machine, once it is ready.

    Its log goes to stderr. At the end it is told to stop.

    environment: over that of this process. model: path of another than the package's own.

    Raises:
        CrescendaiError: it ends, or is not ready in time.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "crescendai", "serve", "--port", str(port)]
    process = subprocess.Popen(
        command + ([] if model is None else ["--model", str(model)]), env={**os.environ, **environment}
    )
    try:
        address, until = f"http://127.0.0.1:{port}", time.monotonic() + timeout_s
        while not (found := readiness(address)) or not found["ready"]:
            if process.poll() is not None:
                code = process.returncode
                raise CrescendaiError(f"service: expected it to run, found that it ended with {code}; its log says why")
            if time.monotonic() > until:
                raise CrescendaiError(f"{address}/readyz: expected it ready within {timeout_s:g} s; its log says why")
            time.sleep(POLL_S)
        yield LocalService(address, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def readiness(address: str, timeout_s: float = 10.0) -> dict | None:
    """What `/readyz` says; None where nothing answers, or something else than the service."""
    try:
        with urllib.request.urlopen(address + "/readyz", timeout=timeout_s) as answer:
            said = answer.read()
    except urllib.error.HTTPError as error:
        said = error.read()
    except OSError:
        return None
    try:
        found = json.loads(said)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "ready" in found else None


def rate(address: str, recording: bytes, api_key: str = "") -> dict:
    """The service's answer to a recording.

    Raises:
        CrescendaiError: an error, or an answer without the 19 ratings.
    """
    headers = {"Content-Type": "application/octet-stream"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    request = urllib.request.Request(f"{address}/v1/analyze", recording, headers)
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as answer:
            result = json.load(answer)
    except urllib.error.HTTPError as error:
        said = error.read(500).decode(errors="replace")
        raise CrescendaiError(f"{address}/v1/analyze: expected ratings, found {error.code}: {said}") from None
    except (OSError, ValueError) as error:
        raise CrescendaiError(f"{address}/v1/analyze: expected ratings, found {error}; see the log") from None
    ratings = result.get("ratings", {})
    if set(ratings) != set(NAMES) or not all(0.0 <= value <= 1.0 for value in ratings.values()):
        raise CrescendaiError(f"{address}/v1/analyze: expected {len(NAMES)} ratings from 0 to 1, found others")
    return result
