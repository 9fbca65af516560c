"""Our filterbank is transformers' ``ASTFeatureExtractor``, on the path that needs no torchaudio."""

import numpy as np
import pytest

from crescendai.audio.instruments import instrument_named
from crescendai.audio.kaldi import ast_input, fit_length, kaldi_fbank
from crescendai.audio.render import render
from crescendai.datasets.pianos import sound_file
from crescendai.midi.notes import Performance

pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter:UserWarning")

RATE_HZ = 16_000
LARGEST = 1e-3  # of natural logarithms; with torchaudio, which computes in float32, pure tones differ by 2e-3
SECONDS_3 = np.arange(3 * RATE_HZ) / RATE_HZ
RNG = np.random.default_rng(0)


def piano() -> np.ndarray:
    """A pedalled chord and a melody above it, loud and soft."""
    onset = np.array([0.1, 0.1, 0.1, 0.4, 0.7, 1.0, 1.3])
    performance = Performance(
        np.array([36, 48, 55, 72, 74, 76, 84]), np.array([90, 70, 70, 60, 40, 100, 30]), onset, onset + 0.4,
        np.array([0.05, 1.5]), np.array([64, 64]), np.array([127, 0]), 2.0,
    )  # fmt: skip
    return render(performance, instrument_named("timgm"), sound_file("timgm"), RATE_HZ, release_tail_s=1.0)


SOUNDS = {
    "noise": lambda: 0.1 * RNG.standard_normal(3 * RATE_HZ),
    "soft noise": lambda: 1e-4 * RNG.standard_normal(3 * RATE_HZ),
    "tone": lambda: 0.9 * np.sin(2 * np.pi * 440 * SECONDS_3),
    "tones": lambda: sum(0.2 * np.sin(2 * np.pi * f * SECONDS_3) for f in (55, 880, 3520)),
    "piano": piano,
    "silence": lambda: np.zeros(RATE_HZ),
    "offset": lambda: np.full(RATE_HZ, 0.5),
    "longer than 1024 frames": lambda: 0.1 * RNG.standard_normal(11 * RATE_HZ),
    "one frame": lambda: RNG.standard_normal(400),
    "one frame and a rest": lambda: RNG.standard_normal(559),
    "two frames": lambda: RNG.standard_normal(560),
}


@pytest.mark.parametrize("sound", SOUNDS)
def test_equals_the_feature_extractor(sound: str):
    audio = SOUNDS[sound]().astype(np.float32)
    for normalize, ours in ((True, ast_input(audio)), (False, fit_length(kaldi_fbank(audio), 1024))):
        extract = transformers.ASTFeatureExtractor(do_normalize=normalize)
        theirs = extract(audio, sampling_rate=RATE_HZ, return_tensors="np")["input_values"][0]
        assert ours.dtype == theirs.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, atol=LARGEST, rtol=0)


def test_equals_the_feature_extractor_of_another_size():
    audio = SOUNDS["noise"]().astype(np.float32)
    extract = transformers.ASTFeatureExtractor(num_mel_bins=64, max_length=100, mean=-3.0, std=2.5)
    theirs = extract(audio, sampling_rate=RATE_HZ, return_tensors="np")["input_values"][0]
    np.testing.assert_allclose(ast_input(audio, 100, 64, -3.0, 2.5), theirs, atol=LARGEST, rtol=0)
