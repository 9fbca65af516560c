"""MIDI to sound: three engines behind one function, deterministic, at fixed gain.

============  ======================  ==================================================
engine        needs                   what it does with the pedal (CC64)
============  ======================  ==================================================
midirenderer  a wheel                 any depth, and free strings: ours
fluidsynth    libfluidsynth 2 or 3    any depth, and free strings: ours
sfizz         a wheel, an SFZ piano   down from 64; half-pedalling on splendid-grand only
============  ======================  ==================================================

The first two know a pedal as up or down; see crescendai/midi/damping.py and crescendai/audio/resonance.py.
"""

import io
from pathlib import Path

import numpy as np
import soundfile
import soxr

from crescendai.audio.instruments import Instrument
from crescendai.audio.resonance import with_free_strings
from crescendai.audio.rooms import heard_in
from crescendai.audio.sfz import play_sfz
from crescendai.audio.smf import engine_midi
from crescendai.errors import DataError
from crescendai.midi.damping import held_by_fingers
from crescendai.midi.notes import Performance, sounding_end_s, timeline

ENGINE_RATE_HZ = 48_000  # midirenderer knows no other


def render(
    performance: Performance,
    instrument: Instrument,
    sound_file: Path,
    sample_rate_hz: int,
    release_tail_s: float,
) -> np.ndarray:
    """Plays a performance on a piano, in its room if it has one.

    sound_file: the instrument's SoundFont or SFZ file.

    The sound ends ``release_tail_s`` after the last key release, wherever the MIDI file ends.

    Returns:
        float32 ``[samples]``, mono, full scale ±1, at the instrument's fixed gain.

    Raises:
        DataError: the engine is not installed or fails, or the sound would exceed full scale.
    """
    end_s = sounding_end_s(performance, release_tail_s)
    if instrument.engine == "midirenderer":
        audio = _play_midirenderer(held_by_fingers(performance, end_s), end_s, sound_file)
    elif instrument.engine == "fluidsynth":
        audio = _play_fluidsynth(held_by_fingers(performance, end_s), end_s, sound_file)
    else:
        audio = play_sfz(performance, end_s, sound_file, ENGINE_RATE_HZ)
    audio = audio[: round(end_s * ENGINE_RATE_HZ)] * np.float32(instrument.gain)
    resampled = soxr.resample(audio, ENGINE_RATE_HZ, sample_rate_hz, quality="HQ")
    if instrument.engine != "sfizz":
        resampled = with_free_strings(resampled, performance, sample_rate_hz)
    if instrument.room:
        resampled = heard_in(instrument.room, resampled, sample_rate_hz)
    peak = float(np.abs(resampled).max(initial=0.0))
    if not peak <= 1.0:  # true for NaN as well
        raise DataError(
            f"{instrument.name}: expected a peak of at most 1.0, found {peak:.2f}; "
            "lower the gain of the piano in crescendai/audio/instruments.py, or of the room in rooms.py"
        )
    return resampled


def _play_midirenderer(performance: Performance, end_s: float, soundfont: Path) -> np.ndarray:
    import midirenderer

    wave = midirenderer.render_wave_from(soundfont.read_bytes(), engine_midi(performance, end_s))
    with soundfile.SoundFile(io.BytesIO(wave)) as file:
        stereo = file.read(dtype="int16", always_2d=True)
    # The mean of the channels, exact in float32; a quarter of the time and memory that floats would take.
    return (stereo[:, 0].astype(np.int32) + stereo[:, 1]).astype(np.float32) / np.float32(65536.0)


def _play_fluidsynth(performance: Performance, end_s: float, soundfont: Path) -> np.ndarray:
    try:
        import fluidsynth
    except ImportError as error:
        raise DataError(
            "fluidsynth: expected the FluidSynth library, found none; install it (Debian: libfluidsynth3), "
            "or choose another piano"
        ) from error
    # A new synthesizer for every clip: one that has played before gives other peaks.
    synth = fluidsynth.Synth(gain=0.5, samplerate=float(ENGINE_RATE_HZ))
    try:
        font = synth.sfload(str(soundfont))
        synth.program_select(0, font, 0, 0)
        blocks, played = [], 0
        for sample, event in timeline(performance, ENGINE_RATE_HZ):
            until = min(sample, round(end_s * ENGINE_RATE_HZ))
            if until > played:
                blocks.append(synth.get_samples(until - played))
                played = until
            kind, number, value = event
            if kind == "on":
                synth.noteon(0, number, value)
            elif kind == "off":
                synth.noteoff(0, number)
            else:
                synth.cc(0, number, value)
        blocks.append(synth.get_samples(max(0, round(end_s * ENGINE_RATE_HZ) - played)))
    finally:
        synth.delete()
    stereo = np.concatenate(blocks).reshape(-1, 2).astype(np.float32) / 32768.0
    return stereo.mean(axis=1)
