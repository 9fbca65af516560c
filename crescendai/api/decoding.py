"""Decoding in processes of their own: a recording that crashes, fills or stalls one harms nobody else."""

import io
import json
import math
import os
import queue
import select
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import soundfile

from crescendai.api.refusals import STATUS, Refusal
from crescendai.audio.logmel import num_frames
from crescendai.audio.sound_facts import SoundFacts
from crescendai.errors import CrescendaiError

MAX_ANSWER = 65536  # bytes of the JSON part
START_TIMEOUT_S = 120.0  # loading NumPy and SciPy on a busy machine
LONGEST_WAIT_S = 1e6  # poll counts milliseconds in a C int
AT_ONCE = 1 << 20
CHECK_RATE_HZ = 22050


@dataclass(frozen=True)
class DecodingLimits:
    """memory_bytes: address space of a process. timeout_s, max_duration_s: of one recording."""

    memory_bytes: int
    timeout_s: float
    max_duration_s: float


class Decoded(NamedTuple):
    log_mel: np.ndarray  # [t, f] dB
    sound: SoundFacts


class DecoderPool:
    """Processes that are started before they are needed; one that failed is replaced.

    frontend: of the model that rates.
    """

    def __init__(self, size: int, frontend: dict[str, float | str], limits: DecodingLimits):
        self._frontend, self._limits = frontend, limits
        # None stands for one that could not be started: whoever takes its place tries again.
        self._idle: queue.SimpleQueue[_Decoder | None] = queue.SimpleQueue()
        self._size = size
        for _ in range(size):
            self._idle.put(_Decoder(frontend, limits))

    def decode(self, body: bytes) -> Decoded:
        """Blocks until there is a result; may be called from several threads.

        Raises:
            Refusal: the recording cannot be decoded, or not within the limits.
        """
        decoder, unharmed = self._idle.get(), False
        try:
            decoder = decoder or _Decoder(self._frontend, self._limits)
            decoded = decoder.decode(body)
            unharmed = True
        except Refusal:
            unharmed = True
            raise
        except _Broken:
            raise Refusal(
                "decoding_failed", "recording: it makes the decoder fail; export it again as WAV or FLAC."
            ) from None
        except TimeoutError:
            raise Refusal(
                "decoding_timeout",
                f"recording: decoding takes more than {self._limits.timeout_s:g} s; send a shorter one.",
            ) from None
        finally:  # whatever went wrong, nobody else gets a decoder that may hold half an answer
            self._idle.put(decoder if unharmed else self._replaced(decoder))
        return decoded

    def check(self) -> None:
        """Decodes two seconds of a plain tone: what a process needs for itself it must have before strangers come.

        Raises:
            CrescendaiError: it cannot be done within the limits.
        """
        t = np.arange(2 * CHECK_RATE_HZ) / CHECK_RATE_HZ
        file = io.BytesIO()
        soundfile.write(file, 0.1 * np.sin(2 * np.pi * 440 * t), CHECK_RATE_HZ, format="WAV")
        try:
            self.decode(file.getvalue())
        except Refusal as refusal:
            raise CrescendaiError(
                f"decoders: expected that two seconds of a tone can be decoded with {self._limits.memory_bytes} bytes "
                f"of memory, found: {refusal}; raise CRESCENDAI_DECODING_MEMORY_BYTES or CRESCENDAI_DECODING_TIMEOUT_S"
            ) from None

    def _replaced(self, decoder: "_Decoder | None") -> "_Decoder | None":
        if decoder is not None:
            decoder.kill()
        try:
            return _Decoder(self._frontend, self._limits)
        except OSError:  # as when there are too many processes; the next request tries again
            return None

    def close(self) -> None:
        """Ends all processes; to be called when nothing is decoded any more."""
        for _ in range(self._size):
            if decoder := self._idle.get():
                decoder.kill()


class _Broken(Exception):
    """The process died, or says what no decoder would say."""


class _Decoder:
    def __init__(self, frontend: dict[str, float | str], limits: DecodingLimits):
        self._frontend, self._limits, self._ready = frontend, limits, False
        settings = {"frontend": frontend, "memory_bytes": limits.memory_bytes, "max_duration_s": limits.max_duration_s}
        # One thread: more would only reserve address space.
        threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "SYSTEMROOT") if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "crescendai.api.decoding_process", json.dumps(settings)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=kept | threads, bufsize=0,
        )  # fmt: skip
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)

    def decode(self, body: bytes) -> Decoded:
        if not self._ready:
            self._receive_answer(time.monotonic() + START_TIMEOUT_S)
            self._ready = True
        deadline = time.monotonic() + self._limits.timeout_s
        self._send(struct.pack("<Q", len(body)), deadline)
        self._send(body, deadline)
        answer = self._receive_answer(deadline)
        if "code" in answer:
            code = answer["code"] if answer["code"] in STATUS else "decoding_failed"
            raise Refusal(code, str(answer.get("message", ""))[:500])
        # A decoder that was taken over must not be able to say anything that is believed unchecked.
        try:
            frames, bands = (int(size) for size in answer["shape"])
            sound = SoundFacts(**answer["sound"])
            numbers = [value for value in vars(sound).values() if value is not None]
            if not all(isinstance(value, int | float) and math.isfinite(value) for value in numbers):
                raise ValueError
        except (KeyError, TypeError, ValueError, OverflowError):
            raise _Broken from None
        rate, hop = self._frontend["sample_rate_hz"], self._frontend["hop_length"]
        most = num_frames(math.ceil((self._limits.max_duration_s + 1) * rate), hop)
        if not 0 < frames <= most or bands != self._frontend["n_mels"]:
            raise _Broken
        content = self._receive(frames * bands * 4, deadline)
        log_mel = np.frombuffer(content, "<f4").reshape(frames, bands)
        if not np.isfinite(log_mel).all():
            raise _Broken
        return Decoded(log_mel, sound)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def _receive_answer(self, deadline: float) -> dict:
        length = struct.unpack("<I", self._receive(4, deadline))[0]
        if length > MAX_ANSWER:
            raise _Broken
        try:
            answer = json.loads(self._receive(length, deadline))
        except (ValueError, RecursionError):
            raise _Broken from None
        if not isinstance(answer, dict):
            raise _Broken
        return answer

    def _send(self, content: bytes, deadline: float) -> None:
        rest = memoryview(content)
        while rest:
            _wait(self._in, select.POLLOUT, deadline)
            try:
                rest = rest[os.write(self._in, rest[:AT_ONCE]) :]
            except OSError as error:
                raise _Broken from error

    def _receive(self, length: int, deadline: float) -> bytearray:
        content = bytearray()
        while len(content) < length:
            _wait(self._out, select.POLLIN, deadline)
            part = os.read(self._out, min(length - len(content), AT_ONCE))
            if not part:
                raise _Broken
            content += part
        return content


def _wait(descriptor: int, event: int, deadline: float) -> None:
    """Until the pipe can be read or written, or the process at its other end is gone.

    Raises:
        TimeoutError: the deadline came first.
    """
    waiting = select.poll()  # `select.select` takes no descriptor beyond 1023, and a busy service has them
    waiting.register(descriptor, event)
    left_s = min(max(deadline - time.monotonic(), 0), LONGEST_WAIT_S)
    if not waiting.poll(left_s * 1000):
        raise TimeoutError
