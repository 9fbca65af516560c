"""A service tried from outside: it gets ready, and rates one recording."""

import http.client
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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from crescendai.dimensions import NAMES
from crescendai.errors import CrescendaiError

RATE_HZ = 22050
POLL_S = 0.5
ANSWER_TIMEOUT_S = 150.0
NO_ANSWER = (OSError, ValueError, http.client.HTTPException)  # no connection, no address, no HTTP, no JSON
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
        found = json.loads(_said(address + "/readyz", timeout_s))
    except NO_ANSWER:
        return None
    return found if isinstance(found, dict) and "ready" in found else None


def _said(address: str, timeout_s: float) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=timeout_s) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:  # not ready is an answer, too
        with error:
            return error.read()


def rate(address: str, recording: bytes, api_key: str = "") -> dict:
    """The service's answer to a recording.

    Raises:
        CrescendaiError: an error, or an answer without the 19 ratings.
    """
    headers = {"Content-Type": "application/octet-stream"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    try:
        request = urllib.request.Request(f"{address}/v1/analyze", recording, headers)
        with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as answer:
            result = json.load(answer)
    except urllib.error.HTTPError as error:
        said = "an answer that breaks off"
        with error, suppress(*NO_ANSWER):
            said = error.read(500).decode(errors="replace")
        raise CrescendaiError(f"{address}/v1/analyze: expected ratings, found {error.code}: {said}") from None
    except NO_ANSWER as error:
        found = f"{type(error).__name__}: {error}"
        raise CrescendaiError(f"{address}/v1/analyze: expected ratings, found {found}; see the log") from None
    if not _has_ratings(result):
        raise CrescendaiError(f"{address}/v1/analyze: expected {len(NAMES)} ratings from 0 to 1, found others")
    return result


def _has_ratings(result: object) -> bool:
    ratings = result.get("ratings") if isinstance(result, dict) else None
    if not isinstance(ratings, dict) or set(ratings) != set(NAMES):
        return False
    return all(isinstance(value, int | float) and 0.0 <= value <= 1.0 for value in ratings.values())
