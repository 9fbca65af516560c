"""Whatever is sent: an error of 4xx with a stable code and a sentence, a server that goes on, and its memory back."""

import socket
import time
from collections import Counter
from urllib.parse import urlsplit

import httpx
import psutil

from crescendai.api.contracts import AnalysisResult, ErrorResponse
from tests.api.hostile import cases
from tests.recordings import encoded, playing

GOOD = encoded(playing(3.0))
GROWTH = 150e6  # bytes over all cases: what the allocator keeps, and no more


def test_hostile_uploads_are_refused_and_the_server_goes_on(address: str):
    all_cases = list(cases())
    assert len(all_cases) >= 200 and len({case.name for case in all_cases}) == len(all_cases)
    wrong, before = [], 0
    with httpx.Client(base_url=address, timeout=120) as client:
        expected = _ratings(client)
        for count, case in enumerate(all_cases):
            answer = client.post(case.path, content=case.body, headers=dict(case.headers))
            if problem := _problem(case, answer):
                wrong.append(f"{case.name}: {answer.status_code} {answer.text[:200]}: {problem}")
            if count == 50:
                before = _memory()
        assert not wrong, "\n".join(wrong)
        assert _ratings(client) == expected
    assert _memory() - before < GROWTH


def _problem(case, answer: httpx.Response) -> str | None:
    if answer.status_code == 200:
        AnalysisResult.model_validate_json(answer.content)
        return None if case.ok else f"expected one of {sorted(case.codes)}"
    error = ErrorResponse.model_validate_json(answer.content).error
    if not 400 <= answer.status_code < 500:
        return "expected 4xx"
    if error.code not in case.codes:
        return f"expected one of {sorted(case.codes)}"
    if not error.message.strip() or "\n" in error.message or "Traceback" in error.message or "/" in error.message[:1]:
        return "expected a sentence"
    return None


def _ratings(client: httpx.Client) -> dict:
    return client.post("/v1/analyze", content=GOOD).json()["ratings"]


def _memory() -> int:
    own = psutil.Process()
    return own.memory_info().rss + sum(child.memory_info().rss for child in own.children(recursive=True))


def test_chunked_bodies_are_counted(address: str):
    def endless():
        for _ in range(60):
            yield bytes(100_000)

    answer = httpx.post(address + "/v1/analyze", content=endless(), timeout=60)
    assert answer.status_code == 413 and answer.json()["error"]["code"] == "body_too_large"


def _raw(address: str, text: bytes, pieces: int = 1, pause_s: float = 0.0, wait_s: float = 30.0) -> bytes:
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port), timeout=wait_s) as connection:
        for k in range(pieces):
            try:
                connection.sendall(text if k == 0 else b"x")
            except OSError:
                break
            time.sleep(pause_s)
        found = b""
        try:
            while part := connection.recv(65536):
                found += part
                if b"\r\n\r\n" in found and found.endswith(b"}"):
                    break
        except (TimeoutError, ConnectionResetError):
            pass
        return found


def test_a_slow_upload_is_given_up(address: str):
    head = b"POST /v1/analyze HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\nContent-Type: audio/wav\r\n\r\n"
    answer = _raw(address, head, pieces=8, pause_s=0.5)
    assert answer.startswith(b"HTTP/1.1 408") and b"upload_timeout" in answer


def test_malformed_requests_are_no_harm(address: str):
    heads = [
        b"POST /v1/analyze HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/analyze HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\nabcde",
        b"POST /v1/analyze HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GARBAGE\r\n\r\n",
    ]
    for head in heads:
        answer = _raw(address, head, wait_s=10.0)
        assert not answer or answer.split()[1].startswith(b"4"), (head[:60], answer[:200])
    assert httpx.get(address + "/healthz").status_code == 200


def test_no_path_leaves_the_page(address: str):
    tricks = [
        "/../contracts.py", "/..%2f..%2fcontracts.py", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/....//etc/passwd",
        "/%00", "/index.html%00.png", "/..\\..\\x", "/static/../../service.py", "/v1/../../../etc/passwd",
    ]  # fmt: skip
    found = Counter()
    for path in tricks:
        answer = _raw(address, f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode(), wait_s=10.0)
        found[answer.split()[1]] += 1
        assert b"root:" not in answer and b"import " not in answer, path
    assert set(found) <= {b"404", b"400", b"405"}, found
