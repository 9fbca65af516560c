"""Sections cover a recording whatever the blocks; every sounding moment counts once."""

import numpy as np
import pytest

from crescendai.analysis.sections import cut_sections, section_weights, sounding

SECTION, HOP = 20, 10


def frames(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.float32)[:, None]


@pytest.mark.parametrize("count", [1, 7, 19, 20, 21, 25, 26, 29, 30, 35, 36, 100, 104, 109])
def test_sections_cover_all_and_do_not_depend_on_blocks(count: int):
    whole = frames(count)
    found = list(cut_sections([whole], SECTION, HOP))
    covered = np.zeros(count, bool)
    for section in found:
        length = len(section.log_mel)
        np.testing.assert_array_equal(section.log_mel, whole[section.first_frame : section.first_frame + length])
        covered[section.first_frame : section.first_frame + length] = True
        assert length == SECTION or section is found[-1]
        assert length <= SECTION + HOP // 2
    assert covered.all()
    for size in (1, 3, 64):
        parts = list(cut_sections([whole[at : at + size] for at in range(0, count, size)], SECTION, HOP))
        assert [(of.first_frame, len(of.log_mel)) for of in parts] == [
            (of.first_frame, len(of.log_mel)) for of in found
        ]


def test_no_blocks_no_sections():
    assert list(cut_sections([], SECTION, HOP)) == []


def test_weights_are_shares_of_the_sounding_time():
    first, length = np.array([0, 10, 80]), np.array([20, 20, 20])
    heard = np.ones(100, bool)
    np.testing.assert_allclose(section_weights(first, length, heard), [0.15, 0.4, 0.45])
    heard[55:] = False  # silence counts for nobody
    np.testing.assert_allclose(section_weights(first, length, heard), [15 / 55, 40 / 55, 0.0])
    np.testing.assert_array_equal(section_weights(first, length, np.zeros(100, bool)), 0.0)


def test_a_frame_sounds_by_the_power_of_all_its_bands():
    log_mel = np.full((3, 100), -100.0)
    log_mel[1] = -85.0  # a hundred bands of it are -65 dB
    log_mel[2, 5] = -69.0
    assert sounding(log_mel).tolist() == [False, True, True]
