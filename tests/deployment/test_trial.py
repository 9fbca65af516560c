"""What a trial says of something else than the service."""

import json
import socket
import threading
from collections.abc import Iterator

import pytest

from crescendai.deployment.trial import rate, readiness
from crescendai.dimensions import NAMES
from crescendai.errors import CrescendaiError

OTHERS = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "nothing": b"",
    "a status without end": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
    "an error without end": b"HTTP/1.1 503 Busy\r\nContent-Length: 99\r\n\r\n{",
    "text": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "a list": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
}


@pytest.fixture
def peer() -> Iterator[tuple[str, list[bytes]]]:
    """Its address, and what it answers with, each once."""
    answers: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            while True:
                try:
                    connection = listening.accept()[0]
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    if answers:
                        connection.sendall(answers.pop())

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", answers
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize("other", OTHERS)
def test_something_else_than_the_service_is_not_ready_and_rates_nothing(peer, other: str):
    address, answers = peer
    answers.append(OTHERS[other])
    assert readiness(address) is None
    answers.append(OTHERS[other])
    with pytest.raises(CrescendaiError, match=f"{address}/v1/analyze: expected "):
        rate(address, b"RIFF")


@pytest.mark.parametrize("ratings", ["high", dict.fromkeys(NAMES, "high"), dict.fromkeys(NAMES, 2.0)])
def test_ratings_that_are_none_are_refused(peer, ratings: object):
    address, answers = peer
    said = json.dumps({"ratings": ratings}).encode()
    answers.append(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said) + said)
    with pytest.raises(CrescendaiError, match="expected 19 ratings"):
        rate(address, b"RIFF")


@pytest.mark.parametrize("address", ["my.modal.run", "http://", "http://a b", "http://127.0.0.1:1"])
def test_an_address_where_nothing_can_be_is_not_ready(address: str):
    assert readiness(address) is None
    with pytest.raises(CrescendaiError, match="expected ratings"):
        rate(address, b"RIFF")
