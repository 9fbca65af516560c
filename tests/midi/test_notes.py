"""Performances: read, written, cut; damaged files refused."""

import io

import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crescendai.errors import DataError
from crescendai.midi.notes import Performance, read_midi, sounding_end_s, timeline, write_midi


def performance(notes: list[tuple[int, int, float, float]], pedal: list[tuple[float, int, int]] = ()) -> Performance:
    """From (pitch, velocity, onset, offset) and (time, control, value)."""
    pitch, velocity, onset, offset = (np.array(column) for column in zip(*notes, strict=True))
    time, control, value = np.array(list(pedal), dtype=float).reshape(-1, 3).T
    return Performance(pitch, velocity, onset, offset, time, control.astype(int), value.astype(int), offset.max())


note = st.tuples(st.integers(21, 108), st.integers(1, 127), st.floats(0, 20), st.floats(0.05, 5))


@given(st.lists(note, min_size=1, max_size=30, unique_by=lambda n: n[0]))
def test_written_notes_are_read_again(notes) -> None:
    played = performance([(p, v, round(on, 3), round(on, 3) + length) for p, v, on, length in notes])
    again = read_midi(write_midi(played, played.last_offset_s + 1), "again")
    order = np.argsort(played.pitch)
    reread = np.argsort(again.pitch)
    assert (again.pitch[reread] == played.pitch[order]).all()
    assert (again.velocity[reread] == played.velocity[order]).all()
    np.testing.assert_allclose(again.onset_s[reread], played.onset_s[order], atol=1e-3)
    np.testing.assert_allclose(again.offset_s[reread], played.offset_s[order], atol=1.6e-3)


def test_the_file_ends_where_it_is_told_to() -> None:
    played = performance([(60, 80, 0.0, 1.0)], pedal=[(0.0, 64, 127), (30.0, 64, 0)])
    assert read_midi(write_midi(played, 2.0), "cut").file_end_s == pytest.approx(2.0, abs=0.002)


def test_silence_after_the_music_is_seen_and_cut() -> None:
    # As in PercePiano: the track ends 20 s after the last note, with the pedal still moving.
    midi = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    track += [
        mido.Message("note_on", note=60, velocity=70, time=0),
        mido.Message("note_off", note=60, velocity=0, time=960),
        mido.Message("control_change", control=64, value=90, time=960),
        mido.MetaMessage("end_of_track", time=20 * 960),
    ]
    midi.tracks.append(track)
    content = io.BytesIO()
    midi.save(file=content)
    played = read_midi(content.getvalue(), "silence")
    assert played.file_end_s == pytest.approx(22.0, abs=0.01)
    assert sounding_end_s(played, 1.0) == pytest.approx(2.0, abs=0.01)


def test_pedals_are_kept_and_other_controllers_are_not() -> None:
    song = pretty_midi.PrettyMIDI()
    piano = pretty_midi.Instrument(0)
    piano.notes.append(pretty_midi.Note(64, 60, 0.0, 1.0))
    piano.control_changes = [pretty_midi.ControlChange(number, 99, 0.5) for number in (7, 64, 66, 67, 91)]
    song.instruments.append(piano)
    content = io.BytesIO()
    song.write(content)
    played = read_midi(content.getvalue(), "pedals")
    assert played.pedal_control.tolist() == [64, 66, 67]
    assert played.sustain()[1].tolist() == [99]


def test_a_repeated_key_is_released_before_it_is_struck() -> None:
    events = timeline(performance([(60, 80, 0.0, 1.0), (60, 90, 1.0, 2.0)]), 48_000)
    assert [event[1][0] for event in events] == ["on", "off", "on", "off"]


WHOLE = write_midi(performance([(60, 80, 0.0, 1.0), (64, 80, 0.5, 1.0)]), 2.0)


@pytest.mark.parametrize(
    "content",
    [b"", b"not music at all", WHOLE[: len(WHOLE) // 2], WHOLE[:14], b"MThd" + b"\xff" * 40],
    ids=["empty", "text", "truncated", "header only", "garbage"],
)
def test_damaged_bytes_are_one_sentence_with_the_clip(content: bytes) -> None:
    with pytest.raises(DataError, match="clip_7: expected a"):
        read_midi(content, "clip_7")


def test_a_file_without_notes_is_refused() -> None:
    song = pretty_midi.PrettyMIDI()
    song.instruments.append(pretty_midi.Instrument(0))
    content = io.BytesIO()
    song.write(content)
    with pytest.raises(DataError, match="without notes"):
        read_midi(content.getvalue(), "clip_8")
