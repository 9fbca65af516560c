"""Reading MIDI files with our reader and with pretty_midi: the same files, one after the other, file by file.

Files are MAESTRO's, from the mirror or as downloaded. What is read is compared too: the benchmark stops where a note
or a pedal differs.

Run    python -m benchmarks.read_midi [--files 24]
Takes  a minute
"""

import argparse
import io
import time

import pretty_midi

from benchmarks.contest import last_line
from crescendai.datasets.maestro import open_maestro
from crescendai.midi.notes import PEDAL_CONTROLS, Performance, read_midi


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=24, help="of MAESTRO's 1,276, evenly spaced in its table")
    wanted = parser.parse_args().files
    maestro = open_maestro()
    names = maestro.table["midi_filename"][:: max(len(maestro.table) // wanted, 1)][:wanted]
    ours = theirs = 0.0
    notes = pedals = 0
    for name in names:
        midi = maestro.midi.read(name)
        started = time.perf_counter()
        performance = read_midi(midi, name)
        between = time.perf_counter()
        song = pretty_midi.PrettyMIDI(io.BytesIO(midi))
        theirs += time.perf_counter() - between
        ours += between - started
        notes += performance.num_notes
        pedals += len(performance.pedal_time_s)
        if differing := differences(performance, song):
            raise SystemExit(f"{name}: ours and pretty_midi's {' and '.join(differing)} differ")
    print(f"{len(names)} files, {notes} notes and {pedals} pedal movements, read alike")
    print(last_line("read MIDI", ours, theirs, "s", files=len(names)))


def differences(performance: Performance, song: pretty_midi.PrettyMIDI) -> list[str]:
    """What the two do not agree on: notes, pedals, both or nothing."""
    p = performance
    notes = sorted((n.start, n.pitch, n.velocity, n.end) for i in song.instruments for n in i.notes)
    changes = (c for i in song.instruments for c in i.control_changes if c.number in PEDAL_CONTROLS)
    pedals = sorted((c.time, c.number, c.value) for c in changes)
    read = {
        "notes": list(zip(p.onset_s, p.pitch, p.velocity, p.offset_s, strict=True)) == notes,
        "pedals": list(zip(p.pedal_time_s, p.pedal_control, p.pedal_value, strict=True)) == pedals,
    }
    return [what for what, alike in read.items() if not alike]


if __name__ == "__main__":
    main()
