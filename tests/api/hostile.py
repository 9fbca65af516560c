"""Hostile and broken uploads, made from a seed: what is sent, and which codes are a right answer to it."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tests.recordings import RATE_HZ, encoded, playing

SECOND = playing(2.0)
KINDS = {"WAV": None, "FLAC": None, "OGG": "VORBIS", "MP3": None}
DAMAGED = {"damaged_audio", "unsupported_format", "empty", "too_short", "decoding_failed", "silent"}
ANY_AUDIO = DAMAGED | {"not_finite", "level_out_of_range", "sample_rate_out_of_range", "too_many_channels", "too_long"}


@dataclass(frozen=True)
class Case:
    """codes: of the error; with ``ok`` a result is right as well, for what a decoder may repair."""

    name: str
    body: bytes
    codes: frozenset[str]
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/octet-stream"),)
    path: str = "/v1/analyze"
    ok: bool = False


def cases() -> Iterator[Case]:
    rng = np.random.default_rng(20)
    files = {kind: encoded(SECOND, kind, RATE_HZ, subtype) for kind, subtype in KINDS.items()}
    yield from _other_bytes(rng)
    yield from _truncated(files)
    yield from _flipped(files, rng)
    yield from _lying_wav()
    yield from _lying_flac(files["FLAC"], rng)
    yield from _odd_sound()
    yield from _bombs()
    yield from _forms(files["WAV"])
    yield from _spectrograms(rng)


def _other_bytes(rng: np.random.Generator) -> Iterator[Case]:
    others = {
        "nothing": b"", "one byte": b"\0", "text": b"play it again", "html": b"<html></html>" * 9, "zip": b"PK\3\4" + bytes(99),
        "pickle": b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x05posix\x94.", "elf": b"\x7fELF" + bytes(200), "png": b"\x89PNG\r\n\x1a\n" + bytes(50),
        "pdf": b"%PDF-1.7\n", "gzip": b"\x1f\x8b\x08" + bytes(30), "midi": b"MThd\0\0\0\6\0\1\0\1\1\xe0", "aiff": b"FORM\0\0\0\x20AIFFCOMM" + bytes(40),
        "au": b".snd" + bytes(60), "caf": b"caff\0\1\0\0" + bytes(60), "rf64": b"RF64\xff\xff\xff\xffWAVEds64" + bytes(60),
        "voc": b"Creative Voice File\x1a" + bytes(60), "w64": b"riff\x2e\x91\xcf\x11" + bytes(60), "mp4": b"\0\0\0\x20ftypM4A " + bytes(60),
        "riff avi": b"RIFF\x40\0\0\0AVI LIST" + bytes(60), "zeros": bytes(5000), "id3 alone": b"ID3\4\0\0\0\0\1\0" + bytes(500),
        "id3 then wav": b"ID3\4\0\0\0\0\0\0RIFF\x40\0\0\0WAVE" + bytes(60), "id3 far": b"ID3\4\0\0\x7f\x7f\x7f\x7f" + bytes(60),
        "script": b"#!/bin/sh\nrm -rf /\n", "json": b'{"a":1}', "npy": b"\x93NUMPY\1\0" + bytes(60), "mp3 sync only": b"\xff\xfb\x90\0",
        "mp3 sync and zeros": b"\xff\xfb\x90\0" + bytes(4000), "flac magic only": b"fLaC", "ogg magic only": b"OggS", "riff only": b"RIFF",
    }  # fmt: skip
    for name, body in others.items():
        yield Case(name, body, frozenset(DAMAGED))
    for k in range(20):
        yield Case(f"noise {k}", rng.bytes(int(rng.integers(1, 3000))), frozenset(DAMAGED))
    for magic in (
        b"fLaC",
        b"OggS\0\2",
        b"RIFF\0\0\0\0WAVE",
        b"ID3\3\0\0\0\0\0\1",
        b"\xff\xfb\x90\0",
        b"\xff\xf3\x80\0",
    ):
        for k in range(3):
            yield Case(f"magic {magic!r} and noise {k}", magic + rng.bytes(2000), frozenset(ANY_AUDIO), ok=True)


def _truncated(files: dict[str, bytes]) -> Iterator[Case]:
    for kind, body in files.items():
        for share in (0.001, 0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9):
            # A frame of MPEG audio stands for itself: what is left of the stream is a shorter recording.
            yield Case(
                f"{kind} cut at {share}", body[: max(int(len(body) * share), 1)], frozenset(DAMAGED), ok=kind == "MP3"
            )


def _flipped(files: dict[str, bytes], rng: np.random.Generator) -> Iterator[Case]:
    for kind, body in files.items():
        for k in range(6):
            damaged = bytearray(body)
            where = rng.integers(0, min(len(body), 200) if k % 2 else len(body), 30)
            for place in where:
                damaged[place] ^= int(rng.integers(1, 256))
            yield Case(f"{kind} with flipped bytes {k}", bytes(damaged), frozenset(ANY_AUDIO), ok=True)


def wav(
    data: bytes, tag: int = 1, channels: int = 1, rate_hz: int = RATE_HZ, bits: int = 16, riff_size: int | None = None,
    data_size: int | None = None, extra: bytes = b"", align: int | None = None,
) -> bytes:  # fmt: skip
    """A WAV file whose header says what it is told to say."""
    align = channels * bits // 8 if align is None else align
    fields = struct.pack("<HHIIHH", tag, channels & 0xFFFF, rate_hz, rate_hz * align & 0xFFFFFFFF, align & 0xFFFF, bits)
    fields += extra
    content = b"WAVEfmt " + struct.pack("<I", len(fields)) + fields
    content += b"data" + struct.pack("<I", len(data) if data_size is None else data_size) + data
    return b"RIFF" + struct.pack("<I", len(content) if riff_size is None else riff_size) + content


def _lying_wav() -> Iterator[Case]:
    pcm = (SECOND * 32767).astype("<i2").tobytes()
    for tag in (0, 2, 6, 7, 0x11, 0x16, 0x31, 0x50, 0x55, 0x69, 0x92, 0xFF, 0x161, 0x2000, 0xFFFF):
        yield Case(f"wav of tag {tag:#x}", wav(pcm, tag), frozenset({"unsupported_format"}))
    adpcm = struct.pack("<HH", 2, 505)
    yield Case(
        "wav of ima adpcm", wav(bytes(4096), 0x11, bits=4, align=256, extra=adpcm), frozenset({"unsupported_format"})
    )
    guid = struct.pack("<HHI", 22, 16, 4) + struct.pack("<H", 0x11) + bytes.fromhex("000000001000800000aa00389b71")
    yield Case("extensible wav of ima adpcm", wav(pcm, 0xFFFE, extra=guid), frozenset({"unsupported_format"}))
    yield Case("extensible wav of another guid", wav(pcm, 0xFFFE, extra=bytes(24)), frozenset({"unsupported_format"}))
    for bits in (0, 1, 4, 7, 12, 20, 40, 64, 65535):
        yield Case(f"wav of {bits} bits", wav(pcm, bits=bits), frozenset({"unsupported_format"}))
    for rate in (1, 100, 7999, 192001, 1_000_000, 268_435_455, 2**31, 2**32 - 1):
        codes = {"sample_rate_out_of_range", "damaged_audio"}
        yield Case(f"wav at {rate} Hz", wav(pcm, rate_hz=rate), frozenset(codes))
    yield Case("wav at 0 Hz", wav(pcm, rate_hz=0), frozenset({"sample_rate_out_of_range", "damaged_audio"}))
    for channels in (0, 9, 64, 1024, 65535):
        codes = {"too_many_channels", "damaged_audio", "empty", "too_short"}
        yield Case(f"wav of {channels} channels", wav(pcm, channels=channels), frozenset(codes))
    for size in (len(pcm) * 10, 2**31, 2**32 - 2):
        yield Case(f"wav that claims {size} bytes", wav(pcm, riff_size=size, data_size=size), frozenset(ANY_AUDIO))
    yield Case("wav with no data", wav(b""), frozenset({"empty", "damaged_audio"}))
    yield Case("wav with no fmt", b"RIFF\x10\0\0\0WAVEdata\4\0\0\0\0\0\0\0", frozenset(DAMAGED))
    chunks = b"".join(b"junk" + struct.pack("<I", 0) for _ in range(5000))
    yield Case(
        "wav of 5000 chunks", b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks, frozenset(DAMAGED)
    )
    yield Case("wav with an endless chunk", b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\xff" + bytes(90), frozenset(DAMAGED))


def _lying_flac(flac: bytes, rng: np.random.Generator) -> Iterator[Case]:
    """The 36 bits of the frames and 20 of the rate in STREAMINFO."""
    for frames in (0, 1, 2**20, 2**31, 2**36 - 1):
        body = bytearray(flac)
        body[21] = body[21] & 0xF0 | frames >> 32
        body[22:26] = struct.pack(">I", frames & 0xFFFFFFFF)
        yield Case(f"flac that claims {frames} frames", bytes(body), frozenset(ANY_AUDIO), ok=frames < 2)
    for rate in (0, 1, 500_000, 655_350):
        body = bytearray(flac)
        body[18:21] = struct.pack(">I", rate << 4 | flac[20] & 0xF)[1:]
        yield Case(f"flac that claims {rate} Hz", bytes(body), frozenset(ANY_AUDIO))


def _odd_sound() -> Iterator[Case]:
    for name, value in (("nan", np.nan), ("infinity", np.inf), ("minus infinity", -np.inf)):
        for place in (0, 7000, len(SECOND) - 1):
            sound = SECOND.copy()
            sound[place] = value
            yield Case(f"{name} at {place}", wav(sound.tobytes(), 3, bits=32), frozenset({"not_finite"}))
    for value in (1e30, 3e38, 32768.0, 17.0):
        body = wav((SECOND / np.abs(SECOND).max() * np.float32(value)).astype("<f4").tobytes(), 3, bits=32)
        yield Case(f"level of {value:g}", body, frozenset({"level_out_of_range", "not_finite"}))
    yield Case("double beyond floats", wav(np.full(20000, 1e300).tobytes(), 3, bits=64), frozenset({"not_finite"}))
    for kind in ("WAV", "FLAC", "OGG"):
        yield Case(f"silence as {kind}", encoded(np.zeros(40000), kind), frozenset({"silent"}))
    yield Case("all but silence", encoded(np.full(40000, 1e-5)), frozenset({"silent"}))
    for samples in (1, 10, 1000, 11024):
        yield Case(f"{samples} samples", encoded(SECOND[:samples]), frozenset({"too_short"}))


def _bombs() -> Iterator[Case]:
    quiet = np.zeros(RATE_HZ * 60 * 10, np.float32)
    yield Case("ten minutes of silence as flac", encoded(quiet, "FLAC"), frozenset({"too_long"}))
    yield Case("101 s of playing", encoded(np.tile(SECOND, 51), "FLAC"), frozenset({"too_long"}))
    many = np.zeros((2_000_000, 8), np.int16)
    yield Case("eight channels at 192 kHz", encoded(many, "FLAC", 192_000), frozenset({"silent"}))
    yield Case("more bytes than allowed", bytes(3_100_000), frozenset({"body_too_large"}))
    yield Case("many more bytes than allowed", bytes(9_000_000), frozenset({"body_too_large"}))
    unknown = encoded(quiet, "FLAC")
    body = bytearray(unknown)
    body[21] &= 0xF0
    body[22:26] = bytes(4)
    yield Case("a bomb of unknown length", bytes(body), frozenset({"too_long"}))


def _form(name: str, filename: str, content: bytes, boundary: str = "b") -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'
    return head.encode("utf-8", "surrogateescape") + content + f"\r\n--{boundary}--\r\n".encode()


def _forms(body: bytes) -> Iterator[Case]:
    form = (("content-type", "multipart/form-data; boundary=b"),)
    bad = frozenset({"invalid_request", "empty", "body_too_large"})
    tricks = (
        "../../../etc/passwd",
        "/etc/shadow",
        "C:\\\\boot.ini",
        "a\0b.wav",
        "%2e%2e%2fx",
        "x" * 5000,
        "con",
        "~root",
        "file:///x",
        "$(id)",
    )
    for name in tricks:
        yield Case(
            f"form file named {name[:20]!r}",
            _form("file", name, b"no audio"),
            frozenset({"unsupported_format", "invalid_request"}),
            form,
        )
    yield Case(
        "form without a file", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n', bad, form
    )
    yield Case("form of nothing", b"", bad, form)
    yield Case("form without boundary", _form("file", "a", body), bad, (("content-type", "multipart/form-data"),))
    yield Case("form with another boundary", _form("file", "a", body, "c"), bad, form)
    yield Case("form cut off", _form("file", "a", body)[:400], bad | {"unsupported_format", "damaged_audio"}, form)
    two = _form("file", "a", body)[: -len("--b--\r\n")] + _form("file", "b", body)
    yield Case("form of two files", two, bad, form)
    fields = b"".join(b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' for _ in range(500))
    yield Case("form of 500 fields", fields + _form("file", "a", body), bad, form)
    field = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + bytes(200_000) + b"\r\n--b--\r\n"
    yield Case("form with a huge field", field, bad, form)
    header = (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\nX: '
        + b"y" * 100_000
        + b"\r\n\r\n1\r\n--b--\r\n"
    )
    yield Case("form with a huge header", header, bad | {"unsupported_format"}, form)
    yield Case("form with a huge file", _form("file", "a", bytes(3_100_000)), bad, form)
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", "application/x-npy"):
        yield Case(f"type {kind}", body, frozenset({"unsupported_media_type"}), (("content-type", kind),))
    for coding in ("gzip", "br", "deflate"):
        yield Case(f"coding {coding}", body, frozenset({"unsupported_media_type"}), (("content-encoding", coding),))


def _spectrograms(rng: np.random.Generator) -> Iterator[Case]:
    path, bad = "/v1/spectrogram", frozenset({"invalid_spectrogram", "not_finite", "too_short", "too_long", "silent"})
    as_json = (("content-type", "application/json"),)
    texts = (
        "", "null", "[]", "{}", '{"log_mel": 1}', '{"log_mel": []}', '{"log_mel": [[]]}', '{"log_mel": [[NaN]]}', '{"log_mel": [[1e999]]}',
        '{"log_mel": [["a"]]}', '{"log_mel": [[1],[1,2]]}', '{"log_mel": [[-50]]}', '{"log_mel": [[1000]]}', '{"log_mel": [[-50]], "path": "/etc"}',
        "[" * 20000, '{"log_mel": [[' + "9" * 100_000 + "]]}", "{", '{"log_mel": {"$ref": "file:///etc/passwd"}}', "\ufeff{}", "[[-50]]",
    )  # fmt: skip
    for k, text in enumerate(texts):
        yield Case(f"json {k}: {text[:20]}", text.encode(), bad, as_json, path)
    yield Case("json that is no utf-8", b'{"log_mel": "\xff\xfe"}', bad, as_json, path)
    yield Case("json too large", b" " * 1_100_000, frozenset({"body_too_large"}), as_json, path)
    as_npy = (("content-type", "application/x-npy"),)
    arrays = {
        "objects": np.array([[None]]), "text": np.array([["a"]]), "integers": np.zeros((50, 32), int), "complex": np.zeros((50, 32), complex),
        "one axis": np.zeros(1600), "three axes": np.zeros((5, 10, 32)), "no frames": np.zeros((0, 32)), "other bands": np.zeros((50, 31)),
        "nan": np.full((50, 32), np.nan), "infinity": np.full((50, 32), np.inf), "loud": np.full((50, 32), 1e9), "short": np.full((3, 32), -50.0),
        "long": np.full((5000, 32), -50.0, np.float16), "silence": np.full((50, 32), -100.0), "fortran": np.asfortranarray(rng.random((50, 32))),
        "records": np.zeros((5, 32), [("a", "f4")]),
    }  # fmt: skip
    for name, array in arrays.items():
        file = io.BytesIO()
        np.save(file, array, allow_pickle=True)  # what an attacker would send; the service reads none
        yield Case(f"npy of {name}", file.getvalue(), bad, as_npy, path)
    for shape in (
        "(99999999999, 32)",
        "(-5, 32)",
        "(1, 2",
        "(True, 32)",
        "((1,), 32)",
        "__import__('os')",
        "(2.5, 32)",
        "(" * 3000,
    ):
        header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
        yield Case(
            f"npy shape {shape[:16]}",
            b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(400),
            bad,
            as_npy,
            path,
        )
    for body in (
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\1\0\xff\xff",
        b"\x93NUMPY\3\0" + bytes(90),
        b"\x80\x04.",
        rng.bytes(500),
    ):
        yield Case(f"npy of bytes {body[:9]!r}", body, bad, as_npy, path)
    yield Case("a type of its own", b"", frozenset({"unsupported_media_type"}), (("content-type", "a/b"),), path)
