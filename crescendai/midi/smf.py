"""Events of a Standard MIDI File, read as pretty_midi reads them and several times as fast.

Reading is what MAESTRO's files cost most besides sound: a recital of an hour has a hundred thousand events.
Format: *Standard MIDI Files 1.0*, MIDI Manufacturers Association, 1996.
"""

from collections import defaultdict
from typing import NamedTuple

import numpy as np

NOTE_OFF, NOTE_ON, CONTROL, PROGRAM, CHANNEL_PRESSURE, SYSTEM = 0x80, 0x90, 0xB0, 0xC0, 0xD0, 0xF0
META, SET_TEMPO, END_OF_TRACK = 0xFF, 0x51, 0x2F
SYSEX = (0xF0, 0xF7)
DRUMS = 9  # channel
DEFAULT_TEMPO_US = 500_000  # a beat, 120 a minute


class Events(NamedTuple):
    """What is played, in ticks.

    notes: ``(onset, pitch, velocity, offset)``. controls: ``(tick, controller, value)``.
    tempo: ``(tick, microseconds a beat)`` of the first track, where all tempi of a file belong.
    last_tick: where the longest track ends. ticks_per_beat: of the file.
    """

    notes: list[tuple[int, int, int, int]]
    controls: list[tuple[int, int, int]]
    tempo: list[tuple[int, int]]
    last_tick: int
    ticks_per_beat: int


def read_events(midi: bytes) -> Events:
    """Events of all tracks but drums.

    A key that is struck again before it went up is two notes, both ended by the next release; notes that no
    release ends are left out, and so are pedals of a channel without notes.

    Raises:
        ValueError: no MIDI file, or one that is cut short or damaged.
    """
    if midi[:4] != b"MThd" or len(midi) < 14:
        raise ValueError("no header")
    division = int.from_bytes(midi[12:14], "big")
    if not 0 < division < 0x8000:
        raise ValueError("time in frames of film, not in beats")
    found = Events([], [], [], 0, division)
    place, last_tick = 8 + int.from_bytes(midi[4:8], "big"), 0
    for track in range(int.from_bytes(midi[10:12], "big")):
        if midi[place : place + 4] != b"MTrk":
            raise ValueError(f"no track {track + 1} where one was announced")
        end = place + 8 + int.from_bytes(midi[place + 4 : place + 8], "big")
        if end > len(midi):
            raise ValueError(f"track {track + 1} is cut short")
        last_tick = max(last_tick, _read_track(midi, place + 8, end, track == 0, found))
        place = end
    return found._replace(last_tick=last_tick)


def seconds(ticks: np.ndarray, tempo: list[tuple[int, int]], ticks_per_beat: int) -> np.ndarray:
    """When ticks are, float64: a sum over stretches of one tempo, as pretty_midi sums it."""
    scales = [(0, DEFAULT_TEMPO_US)]
    for tick, microseconds in tempo:
        if tick == 0:
            scales = [(0, microseconds)]
        elif microseconds != scales[-1][1]:
            scales.append((tick, microseconds))
    start = np.array([tick for tick, _ in scales])
    step = np.array([60.0 / ((6e7 / microseconds) * ticks_per_beat) for _, microseconds in scales])
    start_s = np.zeros(len(scales))
    for at in range(1, len(scales)):
        start_s[at] = start_s[at - 1] + step[at - 1] * (start[at] - start[at - 1])
    stretch = np.searchsorted(start, ticks, side="right") - 1
    return start_s[stretch] + step[stretch] * (ticks - start[stretch])


def _read_track(midi: bytes, place: int, end: int, first: bool, found: Events) -> int:
    """Adds a track's events to those found; returns its last tick."""
    tick, status = 0, 0
    open_notes: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    notes: dict[int, list] = defaultdict(list)  # by channel
    controls: dict[int, list] = defaultdict(list)
    while place < end:
        wait, place = _variable_length(midi, place, end)
        tick += wait
        if midi[place] & 0x80:
            status = midi[place]
            place += 1
        if status == META:
            kind = midi[place]
            size, place = _variable_length(midi, place + 1, end)
            if kind == SET_TEMPO and first:
                found.tempo.append((tick, int.from_bytes(midi[place : place + size], "big")))
            place += size
            if kind == END_OF_TRACK:
                break
            continue
        if status in SYSEX:
            size, place = _variable_length(midi, place, end)
            place += size
            continue
        kind, channel = status & 0xF0, status & 0x0F
        if not NOTE_OFF <= kind < SYSTEM:
            raise ValueError(f"status {status:#x} at byte {place}")
        number, value = midi[place], 0
        place += 1
        if kind not in (PROGRAM, CHANNEL_PRESSURE):
            value = midi[place]
            place += 1
        if (number | value) & 0x80 or place > end:
            raise ValueError(f"no data at byte {place}")
        if kind == NOTE_ON and value:
            open_notes[channel, number].append((tick, value))
        elif kind in (NOTE_OFF, NOTE_ON):
            # Keys that went down at this very tick go on: the release is of the stroke before.
            held = open_notes[channel, number]
            ended = [note for note in held if note[0] != tick]
            notes[channel] += [(onset, number, velocity, tick) for onset, velocity in ended]
            open_notes[channel, number] = [note for note in held if note[0] == tick] if ended else []
        elif kind == CONTROL:
            controls[channel].append((tick, number, value))
    for channel, played in notes.items():
        if channel != DRUMS:
            found.notes.extend(played)
            found.controls.extend(controls[channel])
    return tick


def _variable_length(midi: bytes, place: int, end: int) -> tuple[int, int]:
    """A number of seven bits a byte, and the place after it."""
    value = 0
    while place < end:
        byte = midi[place]
        value, place = value << 7 | byte & 0x7F, place + 1
        if byte < 0x80:
            return value, place
    raise ValueError(f"cut short at byte {place}")
