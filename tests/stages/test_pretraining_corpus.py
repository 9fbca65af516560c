"""Excerpts as the network is taught on them: what is heard is what is written beside it."""

import numpy as np

from crescendai.audio.instruments import instrument_named
from crescendai.datasets.pianos import sound_file
from crescendai.midi.notes import write_midi
from crescendai.params import load_params
from stages.pretraining_corpus import Source, Task, heard
from tests.midi.test_notes import performance

NUM_FRAMES = 100


def excerpt_with(pedal_share: float):
    played = performance([(60, 80, 0.1, 0.3), (64, 80, 0.6, 2.0)], [(0.05, 64, 127), (1.5, 64, 0)])
    source = Source("a", "a", "train", 0.0, 2.3, write_midi(played, 2.3))
    piano = (instrument_named("timgm"), sound_file("timgm"))
    (made,) = heard([Task(source, piano, NUM_FRAMES, pedal_share, 7)], load_params())
    return made


def test_an_excerpt_without_its_pedal_sounds_and_is_written_without_it():
    whole, dry = excerpt_with(1.0), excerpt_with(0.0)
    assert whole.notes.pedal.max() == 127 and not dry.notes.pedal.any()
    np.testing.assert_array_equal(whole.notes.key, dry.notes.key)
    np.testing.assert_array_equal(whole.notes.onset, dry.notes.onset)
    first_note = whole.notes.onset.argmin()
    assert whole.notes.still[first_note] > dry.notes.still[first_note] + 30  # it rang until the pedal came up
    np.testing.assert_array_equal(whole.notes.released, dry.notes.released)  # the fingers do the same
    between = slice(20, 24)  # after the first key went up, before the second goes down
    level_db = [10 * np.log10((10 ** (x.frames[between].astype(float) / 10)).sum()) for x in (whole, dry)]
    assert level_db[0] > level_db[1] + 10
