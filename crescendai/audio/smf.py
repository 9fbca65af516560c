"""A performance as a Standard MIDI File for an engine: the events of `write_midi`, without its detour."""

import numpy as np

from crescendai.midi.notes import TICKS_PER_BEAT, Performance

TICKS_PER_S = 2 * TICKS_PER_BEAT  # 120 beats a minute
NOTE_ON, CONTROL = 0x90, 0xB0
HEADER = b"MThd\x00\x00\x00\x06\x00\x00\x00\x01" + TICKS_PER_BEAT.to_bytes(2, "big")  # one track
TEMPO = b"\x00\xff\x51\x03\x07\xa1\x20"  # 500,000 microseconds a beat
END_OF_TRACK = b"\x01\xff\x2f\x00"
SUSTAIN = 64


def engine_midi(performance: Performance, end_s: float) -> bytes:
    """MIDI bytes that end at ``end_s``: what an engine plays of a performance.

    Pedal movements after the end are dropped, notes that sound across it are cut there. At the same tick pedals move
    first, then keys from low to high, each up before it goes down.
    """
    struck, moved = performance.onset_s < end_s, performance.pedal_time_s < end_s
    pitch, velocity = performance.pitch[struck], performance.velocity[struck]
    zero = np.zeros(len(pitch), int)
    columns = [  # seconds, status, number, value
        (performance.onset_s[struck], NOTE_ON, pitch, velocity),
        (np.minimum(performance.offset_s[struck], end_s), NOTE_ON, pitch, zero),
        (performance.pedal_time_s[moved], CONTROL, performance.pedal_control[moved], performance.pedal_value[moved]),
        (np.array([end_s]), CONTROL, np.array([SUSTAIN]), np.array([0])),  # marks the end: pedal up
    ]
    seconds = np.concatenate([column[0] for column in columns])
    status = np.concatenate([np.full(len(column[0]), column[1]) for column in columns])
    number, value = (np.concatenate([column[place] for column in columns]).astype(int) for place in (2, 3))
    tick = np.round(seconds * TICKS_PER_S).astype(int)
    order = np.lexsort((value, number, status == NOTE_ON, tick))
    wait = np.diff(tick[order], prepend=0)
    track = bytearray(TEMPO)
    for event in zip(wait.tolist(), status[order].tolist(), number[order].tolist(), value[order].tolist(), strict=True):
        if event[0] > 127:
            track += _variable_length(event[0])
        else:
            track.append(event[0])
        track += bytes(event[1:])
    track += END_OF_TRACK
    return HEADER + b"MTrk" + len(track).to_bytes(4, "big") + bytes(track)


def _variable_length(value: int) -> bytes:
    """Seven bits a byte, the highest first, all but the last with the eighth bit set."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))
