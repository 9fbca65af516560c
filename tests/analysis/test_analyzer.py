"""An analysis is the model's own rating, section by section, and says what is odd about a recording."""

import io
from pathlib import Path

import numpy as np
import pytest

from crescendai.analysis.analyzer import Analyzer
from crescendai.analysis.rater import SectionRater
from crescendai.analysis.recording import HeardRecording
from crescendai.audio.refusal import RefusedAudio
from crescendai.errors import DataError
from crescendai.models.rating import make_rate
from crescendai.shipped import open_shipped
from tests.recordings import encoded, playing
from tests.shipped_models import FRONTEND, small_shipped, small_trained


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory) -> Analyzer:
    return Analyzer(open_shipped(small_shipped(tmp_path_factory.mktemp("models") / "small")))


def analyzed(analyzer: Analyzer, sound: np.ndarray, kind: str = "WAV"):
    return analyzer.analyze_audio(io.BytesIO(encoded(sound, kind)), "r")


@pytest.mark.parametrize("duration_s", [1.2, 7.0, 14.9])
def test_a_short_recording_is_rated_as_make_rate_does(analyzer: Analyzer, duration_s: float):
    sound = playing(duration_s)
    recording = HeardRecording(io.BytesIO(encoded(sound)), "r", FRONTEND, 60)
    expected = make_rate(analyzer.shipped.model)(np.concatenate(list(recording.log_mel())))
    found = analyzed(analyzer, sound)
    assert len(found.sections) == 1
    np.testing.assert_allclose(found.ratings, np.clip(expected, 0, 1), atol=1e-5)


@pytest.mark.parametrize("fusion", ["concat", "attention"])
def test_every_fusion_rates_a_section_as_make_rate_does(fusion: str):
    model = small_trained(fusion=fusion)
    log_mel = np.random.default_rng(0).normal(-60, 15, (250, FRONTEND["n_mels"])).astype(np.float32)
    expected = np.clip(make_rate(model)(log_mel), 0, 1)
    np.testing.assert_allclose(SectionRater(model).rate(log_mel).ratings, expected, atol=1e-5)


def test_what_is_compiled_for_one_recording_is_what_it_needs(tmp_path: Path):
    analyzer, seen = Analyzer(open_shipped(small_shipped(tmp_path / "small"))), set()

    def noted(name: str):
        network = getattr(analyzer._rater, name)

        def run(*inputs: np.ndarray) -> tuple:
            seen.add((name, *(part.shape for part in inputs)))
            return network(*inputs)

        return run

    for name in ("_hear_rows", "_listen_rows", "_judge_rows"):
        setattr(analyzer._rater, name, noted(name))
    analyzer.warm_up_for_one()
    compiled = set(seen)
    analyzed(analyzer, playing(30.0))
    assert {name for name, *_ in compiled} == {"_hear_rows", "_listen_rows", "_judge_rows"} and seen == compiled


def test_a_long_recording_is_the_mean_of_its_sections(analyzer: Analyzer):
    found = analyzed(analyzer, playing(61.0))
    parts = np.stack([of.ratings for of in found.sections])
    assert len(parts) == 9 and found.sections[-1].end_s == found.duration_s == 61.0
    assert (found.ratings >= parts.min(axis=0) - 1e-9).all() and (found.ratings <= parts.max(axis=0) + 1e-9).all()
    assert (found.interval.lower <= found.ratings).all() and (found.ratings <= found.interval.upper).all()
    np.testing.assert_allclose((found.interval.upper - found.interval.lower)[0], 0.2, atol=1e-6)


def test_silence_between_is_neither_rated_nor_counted(analyzer: Analyzer):
    sound = playing(40.0)
    sound[11025 * 9 :] = 0.0
    found = analyzed(analyzer, sound)
    assert found.sections[-1].ratings is None and found.sections[0].ratings is not None
    assert "silence" in {of.code for of in found.warnings}
    np.testing.assert_allclose(found.sounding_share, 9 / 40, atol=0.05)


def test_overdrive_and_shortness_are_said(analyzer: Analyzer):
    found = analyzed(analyzer, np.clip(20.0 * playing(3.0), -1, 1))
    assert {"clipping", "short"} <= {of.code for of in found.warnings}
    assert found.sound.peak_dbfs > -0.1


@pytest.mark.parametrize(
    ("sound", "code"), [(np.zeros(30000), "silent"), (playing(0.5), "too_short"), (playing(0.5)[:0], "empty")]
)
def test_what_cannot_be_rated_is_refused_with_a_code(analyzer: Analyzer, sound: np.ndarray, code: str):
    with pytest.raises(RefusedAudio) as refused:
        analyzed(analyzer, sound)
    assert refused.value.code == code and "\n" not in str(refused.value)


def test_no_such_file(analyzer: Analyzer, tmp_path: Path):
    with pytest.raises(DataError, match="expected an audio file, found none"):
        analyzer.analyze_file(tmp_path / "nothing.wav")
