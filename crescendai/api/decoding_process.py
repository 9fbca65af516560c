"""A process that decodes recordings of strangers, with little memory and no way to write files.

Started by `crescendai.api.decoding`, with its settings as JSON in the first argument. On stdin: 8 bytes with the
length of a recording, little-endian, and its bytes. On stdout: 4 bytes with the length of a JSON object, the object,
and, where it says ``"shape": [t, f]``, the log-mel spectrogram as float32. No pickle in either direction.
"""

import io
import json
import os
import resource
import struct
import sys
from dataclasses import asdict
from typing import BinaryIO

import numpy as np

from crescendai.analysis.recording import HeardRecording
from crescendai.audio.refusal import RefusedAudio

NAME = "recording"  # the client's own name for it is never read


def main() -> None:
    settings = json.loads(sys.argv[1])
    memory = settings["memory_bytes"]
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    stdin, stdout = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a decoder prints must not end up in an answer
    _answer(stdout, {"ready": True})
    while length := stdin.read(8):
        body = stdin.read(struct.unpack("<Q", length)[0])
        try:
            answer, log_mel = _decode(body, settings)
        except RefusedAudio as error:
            answer, log_mel = {"code": error.code, "message": str(error)}, None
        except MemoryError:
            answer = {
                "code": "decoding_failed",
                "message": "recording: decoding it takes too much memory.",
            }
            log_mel = None
        del body
        _answer(stdout, answer, log_mel)


def _decode(body: bytes, settings: dict) -> tuple[dict, np.ndarray]:
    recording = HeardRecording(io.BytesIO(body), NAME, settings["frontend"], settings["max_duration_s"])
    log_mel = np.concatenate(list(recording.log_mel()))
    return {"sound": asdict(recording.facts()), "shape": list(log_mel.shape)}, log_mel


def _answer(stdout: BinaryIO, answer: dict, log_mel: np.ndarray | None = None) -> None:
    text = json.dumps(answer).encode()
    stdout.write(struct.pack("<I", len(text)) + text)
    if log_mel is not None:
        stdout.write(np.ascontiguousarray(log_mel, "<f4").data)
    stdout.flush()


if __name__ == "__main__":
    main()
