"""A SoundFont made of an SFZ piano's samples, which midirenderer plays ten times as fast and more.

Samples become mono and 16 bits; velocity layers, roots, levels, releases, loops and low-pass filters are kept.
SFZ's and SoundFont's common law of velocity, amplitude ``(velocity / 127)^2``, is that of both engines. An SFZ piano's
own half-pedalling and string resonance are not kept; `crescendai.audio.render` has its own.

Format: *SoundFont Technical Specification 2.01*, E-mu Systems, 1998, sections 5 to 8.
"""

import struct
from pathlib import Path

import numpy as np
import soundfile

from crescendai.audio.sfz_regions import Region, read_regions
from crescendai.errors import DataError

SILENCE = 10 ** (-90 / 20)  # what follows the last sample above this is cut
GUARD_SAMPLES = 46  # zeros between samples, as the format wants
SHORTEST_RELEASE_S = 0.05
# Generators (specification 8.1.3), in the order in which a zone lists them: ranges first, the sample last.
KEY_RANGE, VELOCITY_RANGE, FILTER_CUTOFF, RELEASE, ATTENUATION, LOOPS, ROOT, SAMPLE = 43, 44, 8, 38, 48, 54, 58, 53
INSTRUMENT = 41
# Synthesizers take 0.4 of the attenuation that a SoundFont says, as the hardware did that the format is from.
CENTIBELS_PER_DB = 10 / 0.4


def soundfont_of(sfz: Path) -> bytes:
    """The SoundFont of an SFZ piano: bank 0, preset 0; the same samples give the same bytes.

    Raises:
        DataError: the SFZ file or a sample of it is missing or damaged.
    """
    regions = read_regions(sfz)
    samples = {path: _Sample.read(path) for path in dict.fromkeys(region.sample for region in regions)}
    loudest_db = max(region.volume_db for region in regions)
    place = 0
    for sample in samples.values():
        sample.start = place
        place += len(sample.values) + GUARD_SAMPLES
    order = {path: number for number, path in enumerate(samples)}
    zones = [_zone(region, order[region.sample], loudest_db) for region in regions]
    sound = b"".join(sample.values.tobytes() + bytes(2 * GUARD_SAMPLES) for sample in samples.values())
    loops = {order[region.sample]: region.loop for region in regions if region.loop}
    return _chunk(
        b"RIFF",
        b"sfbk"
        + _list(b"INFO", _chunk(b"ifil", struct.pack("<HH", 2, 1)), _chunk(b"isng", b"EMU8000\0"),
                _chunk(b"INAM", _name(sfz.stem, 32)))
        + _list(b"sdta", _chunk(b"smpl", sound))
        + _list(b"pdta", *_tables(zones, list(samples.values()), loops)),
    )  # fmt: skip


class _Sample:
    """A recording of one key: int16 ``[samples]``, mono."""

    def __init__(self, name: str, values: np.ndarray, rate_hz: int):
        self.name, self.values, self.rate_hz, self.start = name, values, rate_hz, 0

    @classmethod
    def read(cls, path: Path) -> "_Sample":
        try:
            channels, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, OSError) as error:
            raise DataError(f"{path}: expected a piano's sample, found {error}; fetch the piano again") from error
        mono = channels.mean(axis=1)
        heard = np.flatnonzero(np.abs(mono) > SILENCE)
        mono = mono[: heard[-1] + 1 if len(heard) else 1]
        return cls(path.stem, np.clip(np.round(mono * 32768.0), -32768, 32767).astype("<i2"), rate_hz)


def _zone(region: Region, sample: int, loudest_db: float) -> list[bytes]:
    """An instrument's zone: its generators. The loudest region is not attenuated; the format knows no gain."""
    attenuation = round((loudest_db - region.volume_db) * CENTIBELS_PER_DB)
    timecents = round(1200 * np.log2(max(region.release_s, SHORTEST_RELEASE_S)))
    generators = [
        struct.pack("<HBB", KEY_RANGE, *region.keys),
        struct.pack("<HBB", VELOCITY_RANGE, *region.velocities),
    ]
    if region.offset:
        generators.append(struct.pack("<Hh", 0, region.offset))
    if region.cutoff_hz:
        generators.append(struct.pack("<Hh", FILTER_CUTOFF, round(1200 * np.log2(region.cutoff_hz / 8.176))))
    generators += [
        struct.pack("<Hh", RELEASE, timecents),
        struct.pack("<Hh", ATTENUATION, attenuation),
        struct.pack("<Hh", LOOPS, 1 if region.loop else 0),
        struct.pack("<Hh", ROOT, region.root_key),
        struct.pack("<HH", SAMPLE, sample),
    ]
    return generators


def _tables(zones: list[list[bytes]], samples: list[_Sample], loops: dict[int, tuple[int, int]]) -> list[bytes]:
    """The nine tables of presets, instruments, zones and samples, each closed by an empty record."""
    starts = np.cumsum([0, *map(len, zones)])
    modulator = bytes(10)
    headers = []
    for number, s in enumerate(samples):
        end = s.start + len(s.values)
        loop = loops.get(number, (0, len(s.values) - 1))
        loop_start, loop_end = (s.start + min(place, len(s.values) - 1) for place in loop)
        headers.append(
            struct.pack("<20sIIIIIBbHH", _name(s.name, 20), s.start, end, loop_start, loop_end, s.rate_hz, 60, 0, 0, 1)
        )
    preset = struct.pack("<20sHHHIII", _name("Piano", 20), 0, 0, 0, 0, 0, 0)
    last_preset = struct.pack("<20sHHHIII", _name("EOP", 20), 0, 0, 1, 0, 0, 0)
    return [
        _chunk(b"phdr", preset + last_preset),
        _chunk(b"pbag", struct.pack("<HHHH", 0, 0, 1, 0)),
        _chunk(b"pmod", modulator),
        _chunk(b"pgen", struct.pack("<HH", INSTRUMENT, 0) + bytes(4)),
        _chunk(b"inst", struct.pack("<20sH20sH", _name("Piano", 20), 0, _name("EOI", 20), len(zones))),
        _chunk(b"ibag", b"".join(struct.pack("<HH", start, 0) for start in starts)),
        _chunk(b"imod", modulator),
        _chunk(b"igen", b"".join(generator for zone in zones for generator in zone) + bytes(4)),
        _chunk(b"shdr", b"".join(headers) + struct.pack("<20s26x", _name("EOS", 20))),
    ]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _list(kind: bytes, *chunks: bytes) -> bytes:
    return _chunk(b"LIST", kind + b"".join(chunks))


def _name(text: str, length: int) -> bytes:
    """ASCII, closed by at least one zero, of even length."""
    return text.encode("ascii", "replace")[: length - 1].ljust(length, b"\0")
