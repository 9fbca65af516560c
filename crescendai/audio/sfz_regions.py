"""What an SFZ piano consists of: which sample sounds for which keys and velocities.

Only what a piano needs is read; opcodes of it that are not known here have no effect. Regions that sound on a
condition of a controller (string resonance under the pedal) are left out. SFZ format: https://sfzformat.com.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from crescendai.errors import DataError

HEADER = re.compile(r"<(\w+)>")
# A value runs up to the next opcode: names of samples may hold spaces.
OPCODE = re.compile(r"(\w+)=(.*?)(?=\s+\w+=|\s*$)")
NOTES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}


@dataclass(frozen=True)
class Region:
    """One sample and when it sounds.

    keys, velocities: first and last, 0 to 127, both included.
    root_key: the key that the sample was recorded from.
    offset: samples left out at its beginning.
    volume_db: on top of the recording. release_s: from the damper to silence.
    loop: first sample and last of what is repeated while the key is down, or None.
    cutoff_hz: of a low-pass filter, or None.
    """

    sample: Path
    keys: tuple[int, int]
    velocities: tuple[int, int]
    root_key: int
    offset: int
    volume_db: float
    release_s: float
    loop: tuple[int, int] | None
    cutoff_hz: float | None


def read_regions(sfz: Path) -> list[Region]:
    """The regions of an SFZ file and of those that it includes, in order.

    Raises:
        DataError: a file is missing, or holds no region.
    """
    levels: dict[str, dict[str, str]] = {"control": {}, "global": {}, "group": {}}
    found: list[dict[str, str]] = []
    current: dict[str, str] = {}
    for line in _lines(sfz, sfz.parent, {}):
        for header, text in _chunks(line):
            if header == "region":
                current = {**levels["global"], **levels["group"]}
                found.append(current)
            elif header:
                current = {}
                levels[header] = current
                if header == "global":
                    levels["group"] = {}
            current.update(OPCODE.findall(text))
    regions = [
        _region(values, sfz.parent / levels["control"].get("default_path", ""))
        for values in found
        if not any(name.startswith(("locc", "hicc")) for name in values)
    ]
    if not regions:
        raise DataError(f"{sfz}: expected an SFZ instrument, found no region in it; fetch it again")
    return regions


def _lines(path: Path, root: Path, defined: dict[str, str]) -> list[str]:
    """Lines without comments, with ``#include`` and ``#define`` carried out."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a part of an SFZ instrument, found {error}; fetch it again") from error
    lines = []
    for line in text.splitlines():
        line = line.split("//")[0].strip()
        if line.startswith("#define"):
            name, value = line.split()[1:3]
            defined[name] = value
            continue
        for name in sorted(defined, key=len, reverse=True):
            line = line.replace(name, defined[name])
        included = re.fullmatch(r'#include "(.*)"', line)
        lines += _lines(root / included[1], root, defined) if included else [line]
    return lines


def _chunks(line: str) -> list[tuple[str, str]]:
    """A line cut at its headers: ``(header, text after it)``; what stands before the first has the header ``""``."""
    parts = HEADER.split(line)
    return [("", parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]


def _region(values: dict[str, str], folder: Path) -> Region:
    key = values.get("key")
    low, high = (_key(values.get(name, key or default)) for name, default in (("lokey", "0"), ("hikey", "127")))
    loops = values.get("loop_mode", "no_loop") != "no_loop" and "loop_end" in values
    return Region(
        folder / values["sample"].replace("\\", "/"),
        (low, high),
        (int(values.get("lovel", 1)), int(values.get("hivel", 127))),
        _key(values.get("pitch_keycenter", key or "60")),
        int(values.get("offset", 0)),
        float(values.get("volume", 0)) + float(values.get("group_volume", 0)),
        _release_s(values),
        (int(values["loop_start"]), int(values["loop_end"])) if loops else None,
        float(values["cutoff"]) if "cutoff" in values else None,
    )


def _release_s(values: dict[str, str]) -> float:
    """The envelope's release, with the share that a controller adds in its default position (splendid-grand: 0.35)."""
    by_controller = sum(float(v) for name, v in values.items() if name.startswith("ampeg_release_oncc"))
    return float(values.get("ampeg_release", 0.0)) + 0.35 * by_controller


def _key(text: str) -> int:
    """A key by number or by name; c4 is 60."""
    text = text.strip().lower()
    if text.lstrip("-").isdecimal():
        return int(text)
    name, sharp, octave = re.fullmatch(r"([a-g])([#b]?)(-?\d+)", text).groups()
    return NOTES[name] + {"": 0, "#": 1, "b": -1}[sharp] + 12 * (int(octave) + 1)
