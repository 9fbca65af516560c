"""Rooms and microphones: what a recording adds to the sound of a piano, the same for every clip.

A room answers a piano with its walls' echoes, which the image-source method gives for a box-shaped room (Allen and
Berkley, JASA 65, 1979; by the package pyroomacoustics). A microphone hears a band of frequencies, and noise. The level
is changed by one fixed gain a room, never clip by clip: how loud a performance is, is part of how it is played.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.signal

from crescendai.errors import DataError, ParamsError

SPEED_OF_SOUND_M_S = 343.0
HIGHEST_SHARE = 0.95  # of half the sample rate: a microphone's upper limit above it has no effect


@dataclass(frozen=True)
class Room:
    """Where a recording is made, and with what.

    size_m: length, width and height. reverberation_s: time in which the sound of a stopped note falls by 60 dB.
    piano_m, microphone_m: where they stand.
    band_hz: lowest and highest frequency that the microphone passes (Butterworth, 12 dB an octave).
    noise_db: level of its noise, white, against a full-scale sine. gain_db: of the whole recording.
    """

    name: str
    size_m: tuple[float, float, float]
    reverberation_s: float
    piano_m: tuple[float, float, float]
    microphone_m: tuple[float, float, float]
    band_hz: tuple[float, float]
    noise_db: float
    gain_db: float


ROOMS: dict[str, Room] = {
    room.name: room
    for room in (
        Room("studio", (7.0, 5.5, 3.2), 0.3, (2.5, 2.8, 1.0), (4.0, 3.4, 1.5), (30.0, 16_000.0), -75.0, -4.0),
        Room("living-room", (5.5, 4.2, 2.6), 0.5, (1.2, 1.5, 1.0), (4.2, 2.9, 1.2), (60.0, 12_000.0), -65.0, -4.0),
        Room("hall", (24.0, 15.0, 9.0), 1.6, (5.0, 7.5, 1.2), (11.0, 8.3, 2.5), (30.0, 16_000.0), -70.0, -4.0),
        Room("phone", (4.0, 3.2, 2.5), 0.4, (1.0, 1.2, 1.0), (2.9, 2.2, 0.8), (150.0, 7_000.0), -55.0, -6.0),
    )
}


def room_named(name: str) -> Room:
    """The room of that name.

    Raises:
        ParamsError: there is none.
    """
    if name not in ROOMS:
        raise ParamsError(f"rooms: expected one of {', '.join(ROOMS)} after the +, found {name!r}; see params.yaml")
    return ROOMS[name]


def heard_in(room: Room, audio: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """The same performance, recorded in a room.

    audio: ``[samples]``, full scale ±1, of the piano alone.

    Returns:
        float32, as long: the first sound of a note comes when it came before. The same bytes every time.

    Raises:
        DataError: the package pyroomacoustics is not installed.
    """
    echoed = scipy.signal.oaconvolve(audio, impulse_response(room, sample_rate_hz))[: len(audio)]
    low_hz, high_hz = room.band_hz[0], min(room.band_hz[1], HIGHEST_SHARE * sample_rate_hz / 2)
    band = scipy.signal.butter(2, (low_hz, high_hz), "bandpass", fs=sample_rate_hz, output="sos")
    noise = np.random.default_rng(0).standard_normal(len(audio)) * np.sqrt(0.5) * 10 ** (room.noise_db / 20)
    return ((scipy.signal.sosfilt(band, echoed) + noise) * 10 ** (room.gain_db / 20)).astype(np.float32)


@lru_cache(maxsize=len(ROOMS))
def impulse_response(room: Room, sample_rate_hz: int) -> np.ndarray:
    """What the microphone hears of a click at the piano: ``[samples]``, from the direct sound on, of energy 1.

    With energy 1, steady broadband sound is as loud in the room as it was without.

    Raises:
        DataError: the package pyroomacoustics is not installed.
    """
    try:
        import pyroomacoustics
    except ImportError as error:
        raise DataError(
            f"{room.name}: expected the package pyroomacoustics, found none; install the extra `pianos`, "
            "or choose instruments without a room"
        ) from error
    absorption, order = pyroomacoustics.inverse_sabine(room.reverberation_s, room.size_m)
    box = pyroomacoustics.ShoeBox(
        room.size_m, fs=sample_rate_hz, materials=pyroomacoustics.Material(absorption), max_order=order
    )
    box.add_source(room.piano_m)
    box.add_microphone(room.microphone_m)
    box.compute_rir()
    way_s = np.linalg.norm(np.subtract(room.piano_m, room.microphone_m)) / SPEED_OF_SOUND_M_S
    response = np.asarray(box.rir[0][0], np.float64)[round(way_s * sample_rate_hz) :]
    return response / np.sqrt(np.square(response).sum())
