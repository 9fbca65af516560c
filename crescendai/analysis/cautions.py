"""What is said beside ratings when a recording is not like those the model learned from."""

import math

from crescendai.analysis.result import Caution
from crescendai.audio.sound_facts import SoundFacts

CLIPPED_SHARE = 1e-4  # of the samples: four a second at 44.1 kHz
QUIET_LUFS = -45.0  # the softest rated clips lie near -40
LOUD_LUFS = -8.0
SILENT_SHARE = 0.4
FEW_STROKES_PER_S = 0.25  # a stroke in four seconds; the slowest rated clips have one a second
SHORT_S = 5.4  # the shortest rated clip, with the second in which it dies away


def cautions(
    duration_s: float, sound: SoundFacts | None, sounding_share: float, strokes_per_s: float | None
) -> tuple[Caution, ...]:
    """Warnings about a recording, of measured values alone; arguments as in `crescendai.analysis.result.Analysis`."""
    found = []
    if duration_s < SHORT_S:
        seconds = math.floor(10 * duration_s) / 10  # 3.97 s are not to be called 4.0
        found.append(
            Caution("short", f"{seconds:.1f} s are less than any clip that the model learned from ({SHORT_S:g} s).")
        )
    if sound is not None and sound.clipped_share > CLIPPED_SHARE:
        found.append(Caution(
            "clipping", f"{sound.clipped_share:.2%} of the samples are at full scale: the recording is overdriven, "
            "and touch and dynamics may be misjudged.",
        ))  # fmt: skip
    if sound is not None and sound.loudness_lufs is None:
        found.append(Caution(
            "level", "The recording is too soft for its loudness to be measured; loudness is part of what is rated.",
        ))  # fmt: skip
    elif sound is not None and not QUIET_LUFS < sound.loudness_lufs < LOUD_LUFS:
        how = "softer" if sound.loudness_lufs <= QUIET_LUFS else "louder"
        found.append(Caution(
            "level", f"At {sound.loudness_lufs:.0f} LUFS the recording is {how} than those the model learned from; "
            "loudness is part of what is rated.",
        ))  # fmt: skip
    if 1.0 - sounding_share > SILENT_SHARE:
        found.append(Caution("silence", f"Nothing is heard in {1.0 - sounding_share:.0%} of the recording."))
    if strokes_per_s is not None and strokes_per_s < FEW_STROKES_PER_S:
        found.append(Caution(
            "little_piano", f"Hardly any piano strokes are heard ({strokes_per_s:.2f} a second): this may not be "
            "a piano, and then the ratings mean nothing.",
        ))  # fmt: skip
    return tuple(found)
