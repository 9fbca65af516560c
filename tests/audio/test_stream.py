"""A recording in blocks is the recording as a whole, sample for sample and frame for frame."""

import io

import numpy as np
import pytest

from crescendai.audio.load import load_audio_bytes
from crescendai.audio.logmel import log_mel_spectrogram
from crescendai.audio.logmel_stream import log_mel_blocks
from crescendai.audio.loudness import integrated_loudness_lufs
from crescendai.audio.refusal import RefusedAudio
from crescendai.audio.sound_facts import SoundMeter
from crescendai.audio.stream import AudioStream
from tests.recordings import encoded, playing
from tests.shipped_models import FRONTEND

SOUND = playing(14.0, rate_hz=44100)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3", "OGG"])
@pytest.mark.parametrize("rate_hz", [44100, 22050])
def test_blocks_are_the_whole(kind: str, rate_hz: int):
    content = encoded(np.stack([SOUND, 0.5 * SOUND], axis=1), kind, 44100)
    blocks = list(AudioStream(io.BytesIO(content), "r", 60).blocks(rate_hz))
    assert len(blocks) > 3
    np.testing.assert_allclose(np.concatenate(blocks), load_audio_bytes(content, "r", rate_hz), atol=1e-5)


@pytest.mark.parametrize("size", [100, 4000, 10**6])
def test_log_mel_blocks_are_the_whole_spectrogram(size: int):
    sound, settings = playing(9.0), {key: value for key, value in FRONTEND.items() if key != "kind"}
    blocks = [sound[at : at + size] for at in range(0, len(sound), size)]
    found = np.concatenate(list(log_mel_blocks(blocks, FRONTEND)))
    np.testing.assert_array_equal(found, log_mel_spectrogram(sound, **settings))


def test_loudness_is_that_of_the_whole():
    meter, sound = SoundMeter(22050), playing(9.0, rate_hz=22050)
    for at in range(0, len(sound), 5000):
        meter.add(sound[at : at + 5000])
    facts = meter.facts(44100, 2, 0.5, 0.0)
    assert abs(facts.loudness_lufs - integrated_loudness_lufs(sound, 22050)) < 1e-6
    assert abs(facts.duration_s - 9.0) < 1e-9


def test_overdrive_in_one_channel_is_seen_before_it_is_mixed_down():
    sound = np.stack([np.clip(20 * SOUND, -1, 1), -np.clip(20 * SOUND, -1, 1)], axis=1)
    stream = AudioStream(io.BytesIO(encoded(sound, "FLAC", 44100)), "r", 60)
    assert all(np.abs(block).max() < 1e-3 for block in stream.blocks(22050))
    assert stream.peak > 0.999 and stream.clipped_share > 0.01


def test_a_longer_recording_than_allowed_is_refused():
    with pytest.raises(RefusedAudio) as refused:
        list(AudioStream(io.BytesIO(encoded(SOUND, "FLAC", 44100)), "r", 5.0).blocks(22050))
    assert refused.value.code == "too_long"
