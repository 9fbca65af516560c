"""A decoder that dies or stalls is one refused request, and a new decoder."""

import math
import os
import resource
import subprocess
from collections.abc import Iterator

import numpy as np
import psutil
import pytest

from crescendai.api import decoding
from crescendai.api.decoding import DecoderPool, DecodingLimits
from crescendai.api.refusals import Refusal
from crescendai.errors import CrescendaiError
from tests.recordings import encoded, playing
from tests.shipped_models import FRONTEND

BODY = encoded(playing(2.0))


@pytest.fixture
def many_open_files() -> Iterator[None]:
    """No descriptor below 1024 is free, as in a service with many connections."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < 2048:
        pytest.skip(f"at most {before[1]} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 2048), before[1]))
    opened = [os.open(os.devnull, os.O_RDONLY)]
    while opened[-1] < 1024:
        opened.append(os.dup(opened[0]))
    yield
    for descriptor in opened:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def children() -> set[psutil.Process]:
    return set(psutil.Process().children())


def test_a_dead_decoder_is_replaced():
    before = children()
    pool = DecoderPool(1, FRONTEND, DecodingLimits(1_500_000_000, 60.0, 100.0))
    first = pool.decode(BODY)
    (decoder,) = children() - before
    decoder.kill()
    with pytest.raises(Refusal) as refused:
        pool.decode(BODY)
    assert refused.value.code == "decoding_failed" and refused.value.status == 422
    np.testing.assert_array_equal(pool.decode(BODY).log_mel, first.log_mel)
    pool.close()
    assert children() <= before


def test_a_decoder_that_takes_too_long_is_ended():
    before = children()
    pool = DecoderPool(1, FRONTEND, DecodingLimits(1_500_000_000, 1e-9, 100.0))
    long = encoded(playing(90.0))  # its answer is not there yet when this process is kept waiting for a moment
    with pytest.raises(Refusal) as refused:
        pool.decode(long)
    assert refused.value.code == "decoding_timeout"
    pool.close()
    assert children() <= before


@pytest.mark.usefixtures("many_open_files")
def test_descriptors_of_four_digits_are_as_good_as_others():
    pool = DecoderPool(1, FRONTEND, DecodingLimits(1_500_000_000, 60.0, 100.0))
    assert len(pool.decode(BODY).log_mel)
    pool.close()


def test_a_timeout_may_be_as_long_as_one_likes():
    pool = DecoderPool(1, FRONTEND, DecodingLimits(1_500_000_000, 1e12, 100.0))
    assert len(pool.decode(BODY).log_mel)
    pool.close()


def test_a_decoder_has_only_the_memory_it_is_given():
    before = children()
    pool = DecoderPool(1, FRONTEND, DecodingLimits(1_500_000_000, 60.0, 100.0))
    pool.decode(BODY)
    (decoder,) = children() - before
    needed = decoder.memory_info().vms
    pool.close()
    pool = DecoderPool(1, FRONTEND, DecodingLimits(needed + 30_000_000, 60.0, 100_000.0))
    quiet = encoded(np.zeros(11025 * 3600 * 4, np.int16), "FLAC")  # twice 40 MB, as a spectrogram and its parts
    with pytest.raises(Refusal) as refused:
        pool.decode(quiet)
    assert refused.value.code == "decoding_failed"
    assert len(pool.decode(BODY).log_mel)
    pool.close()


@pytest.mark.parametrize("answer", [{"shape": [math.inf, 32], "sound": {}}, {"shape": "many"}, {"sound": 1}])
def test_an_answer_that_no_decoder_gives_is_refused_and_its_decoder_replaced(answer, monkeypatch):
    pool = DecoderPool(1, FRONTEND, DecodingLimits(1_500_000_000, 60.0, 100.0))
    expected = pool.decode(BODY)
    with monkeypatch.context() as patched, pytest.raises(Refusal, match="makes the decoder fail"):
        patched.setattr(decoding._Decoder, "_receive_answer", lambda self, deadline: answer)
        pool.decode(BODY)
    np.testing.assert_array_equal(pool.decode(BODY).log_mel, expected.log_mel)
    pool.close()


def test_where_no_process_can_be_started_the_next_request_tries_again(monkeypatch):
    before = children()
    pool = DecoderPool(1, FRONTEND, DecodingLimits(1_500_000_000, 60.0, 100.0))
    pool.decode(BODY)
    (decoder,) = children() - before
    decoder.kill()

    def none_left(*arguments: object, **settings: object) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", none_left)
        with pytest.raises(Refusal):
            pool.decode(BODY)
        with pytest.raises(BlockingIOError):
            pool.decode(BODY)
    assert len(pool.decode(BODY).log_mel)
    pool.close()
    assert children() <= before


def test_limits_that_keep_out_every_recording_are_said_before_one_comes():
    pool = DecoderPool(1, FRONTEND, DecodingLimits(120_000_000, 60.0, 100.0))
    with pytest.raises(CrescendaiError, match="raise CRESCENDAI_DECODING_MEMORY_BYTES"):
        pool.check()
    pool.close()
