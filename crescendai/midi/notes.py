"""A piano performance as notes and pedal movements, read from and written to MIDI bytes."""

import io
from dataclasses import dataclass

import numpy as np
import pretty_midi

from crescendai.errors import DataError
from crescendai.midi.smf import read_events, seconds

PEDAL_CONTROLS = (64, 66, 67)  # sustain, sostenuto, soft
TICKS_PER_BEAT = 960  # at 120 beats a minute one tick is 0.52 ms, far below what timing ratings hear


@dataclass(frozen=True)
class Performance:
    """Notes and pedal movements of one performance, times in seconds from its start.

    pitch: ``[note]`` MIDI pitch, 0-127.
    velocity: ``[note]`` 1-127.
    onset_s, offset_s: ``[note]`` key down and key up; sorted by onset, then pitch.
    pedal_time_s, pedal_control, pedal_value: ``[movement]`` time, controller (64 sustain,
        66 sostenuto, 67 soft) and depth 0-127; sorted by time.
    file_end_s: where the tracks of its file end, which may lie long after the last note.
    string_end_s: ``[note]`` when each string was still, where that was heard; otherwise it follows from the pedal, see
        ``crescendai.midi.sounding``.
    """

    pitch: np.ndarray
    velocity: np.ndarray
    onset_s: np.ndarray
    offset_s: np.ndarray
    pedal_time_s: np.ndarray
    pedal_control: np.ndarray
    pedal_value: np.ndarray
    file_end_s: float
    string_end_s: np.ndarray | None = None

    @property
    def num_notes(self) -> int:
        return len(self.pitch)

    @property
    def last_offset_s(self) -> float:
        """When the last key goes up."""
        return float(self.offset_s.max())

    def sustain(self) -> tuple[np.ndarray, np.ndarray]:
        """Times and depths of the sustain pedal alone."""
        is_sustain = self.pedal_control == 64
        return self.pedal_time_s[is_sustain], self.pedal_value[is_sustain]


def read_midi(midi: bytes, name: str) -> Performance:
    """Reads the notes of all tracks of a MIDI file.

    name: the clip or file, for the error message.

    Raises:
        DataError: empty, truncated or unparsable bytes, or no note at all.
    """
    try:
        events = read_events(midi)
    except (ValueError, IndexError) as error:
        raise DataError(
            f"{name}: expected a MIDI file, found {len(midi)} bytes that do not parse "
            f"({type(error).__name__}: {error}); fetch the file again or leave it out"
        ) from error
    if not events.notes:
        raise DataError(f"{name}: expected a performance, found a MIDI file without notes; leave it out")

    def when(ticks: np.ndarray) -> np.ndarray:
        return seconds(ticks, events.tempo, events.ticks_per_beat)

    onset, pitch, velocity, offset = np.array(events.notes).T
    order = np.lexsort((offset, velocity, pitch, onset))
    pedals = [event for event in events.controls if event[1] in PEDAL_CONTROLS]
    tick, control, value = np.array(pedals, dtype=int).reshape(-1, 3).T
    moved = np.lexsort((value, control, tick))
    return Performance(
        pitch=pitch[order].astype(np.int16),
        velocity=velocity[order].astype(np.int16),
        onset_s=when(onset[order]),
        offset_s=when(offset[order]),
        pedal_time_s=when(tick[moved]),
        pedal_control=control[moved].astype(np.int16),
        pedal_value=value[moved].astype(np.int16),
        file_end_s=float(when(np.array(events.last_tick))),
    )


def write_midi(performance: Performance, end_s: float) -> bytes:
    """Writes a performance as a type-1 MIDI file of 120 beats a minute that ends at ``end_s``.

    The end matters: synthesizers render up to it. Pedal movements after it are dropped, notes that
    sound across it are cut there.
    """
    piano = pretty_midi.Instrument(program=0)
    piano.notes = [
        pretty_midi.Note(int(velocity), int(pitch), float(onset), float(min(offset, end_s)))
        for pitch, velocity, onset, offset in zip(
            performance.pitch, performance.velocity, performance.onset_s, performance.offset_s, strict=True
        )
        if onset < end_s
    ]
    piano.control_changes = [
        pretty_midi.ControlChange(int(control), int(value), float(time))
        for time, control, value in zip(
            performance.pedal_time_s, performance.pedal_control, performance.pedal_value, strict=True
        )
        if time < end_s
    ]
    # pretty_midi puts the end of the track after the last event, so an event marks the end: pedal up.
    piano.control_changes.append(pretty_midi.ControlChange(64, 0, float(end_s)))
    song = pretty_midi.PrettyMIDI(resolution=TICKS_PER_BEAT, initial_tempo=120.0)
    song.instruments.append(piano)
    buffer = io.BytesIO()
    song.write(buffer)
    return buffer.getvalue()


def sounding_end_s(performance: Performance, release_tail_s: float) -> float:
    """Where a rendering may stop: the last key release plus a tail for the sound to die away.

    Files can end long after the music (PercePiano: 20 s of silence after 5.7 s of music), and a
    pedal still held then must not drag the end along.
    """
    return performance.last_offset_s + release_tail_s


def timeline(performance: Performance, sample_rate_hz: int) -> list[tuple[int, tuple[str, int, int]]]:
    """All events of a performance in the order in which an instrument must hear them.

    Returns:
        (sample, (kind, number, value)); kind is ``off``, ``pedal`` or ``on``, and at the same sample
        they come in that order, so that a repeated key is released before it is struck again.
    """
    events = [
        *(
            (time, 0, ("off", int(pitch), 0))
            for time, pitch in zip(performance.offset_s, performance.pitch, strict=True)
        ),
        *(
            (time, 1, ("pedal", int(control), int(value)))
            for time, control, value in zip(
                performance.pedal_time_s, performance.pedal_control, performance.pedal_value, strict=True
            )
        ),
        *(
            (time, 2, ("on", int(pitch), int(velocity)))
            for time, pitch, velocity in zip(
                performance.onset_s, performance.pitch, performance.velocity, strict=True
            )
        ),
    ]
    return [(round(time * sample_rate_hz), event) for time, _, event in sorted(events)]
