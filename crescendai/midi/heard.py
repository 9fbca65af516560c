"""From what a network heard, frame by frame, back to a performance."""

import numpy as np

from crescendai.midi.notes import Performance
from crescendai.midi.rolls import HIGHEST_VALUE, LOWEST_KEY, PEDAL_DEPTHS, SUSTAIN, Rolls

LIKELY = 0.5  # a key that is down, and a ringing string, are taken for real from this chance on
LIKELY_STROKE = 0.25  # and a stroke from this one: best F1 of 0.15 to 0.5 on held-out MAESTRO, with an earlier encoder
# From PEDAL_DEPTHS[i] to the next a pedal is in the middle of both; its depth is the mean by the chances of all.
DEPTH_STEPS = np.diff([0.0, *np.add(PEDAL_DEPTHS, [*PEDAL_DEPTHS[1:], HIGHEST_VALUE + 1]) / 2])


def heard_performance(chances: Rolls, hop_s: float) -> Performance | None:
    """The performance that rolls of chances speak of; None where no stroke is likely.

    A key is struck where the chance of a stroke is highest among its neighbours in time, and likely together with
    theirs, since a stroke between two frames may be heard in either; the moment is the centre of those chances,
    finer than a frame. It is down, and its string rings, until that is no longer likely, or until its next stroke.

    chances: ``onset``, ``held``, ``sounding`` ``[t, key]`` and ``pedal`` ``[t, depth]`` from 0 to 1, ``velocity`` as of
        `Rolls`.
    """
    onset = chances.onset
    before = np.pad(onset, ((1, 0), (0, 0)))[:-1]
    after = np.pad(onset, ((0, 1), (0, 0)))[1:]
    frame, key = np.nonzero((before + onset + after >= LIKELY_STROKE) & (onset > before) & (onset >= after))
    if not len(frame):
        return None
    early, here, late = before[frame, key], onset[frame, key], after[frame, key]
    onset_s = np.maximum(frame + (late - early) / (early + here + late), 0.0) * hop_s
    following_s = _following_s(onset_s, key, len(onset) * hop_s)
    string_end_s, offset_s = (
        np.clip(_ends(chance >= LIKELY, frame, key) * hop_s, onset_s + hop_s, following_s)
        for chance in (chances.sounding, chances.held)
    )
    order = np.lexsort((key, onset_s))
    depth = np.round(np.clip(chances.pedal @ DEPTH_STEPS, 0.0, HIGHEST_VALUE)).astype(np.int16)
    moved = np.flatnonzero(np.diff(depth, prepend=0))
    return Performance(
        pitch=(key + LOWEST_KEY)[order].astype(np.int16),
        velocity=np.clip(np.round(chances.velocity[frame, key] * HIGHEST_VALUE), 1, 127)[order].astype(np.int16),
        onset_s=onset_s[order],
        offset_s=np.minimum(offset_s, string_end_s)[order],
        pedal_time_s=moved * hop_s,
        pedal_control=np.full(len(moved), SUSTAIN, np.int16),
        pedal_value=depth[moved],
        file_end_s=len(onset) * hop_s,
        string_end_s=string_end_s[order],
    )


def _ends(lasting: np.ndarray, frame: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Frame in which each note ends: the first after its stroke that is not ``lasting``.

    lasting: bool ``[t, key]``. frame, key: ``[note]`` of its stroke.
    """
    num_frames = len(lasting)
    # Row r holds the first frame from r on in which it is over, for every key: one pass from the end.
    over_from = np.full((num_frames + 1, lasting.shape[1]), num_frames)
    for row in range(num_frames - 1, -1, -1):
        over_from[row] = np.where(lasting[row], over_from[row + 1], row)
    return over_from[np.minimum(frame + 1, num_frames), key]


def _following_s(onset_s: np.ndarray, key: np.ndarray, end_s: float) -> np.ndarray:
    """When each key is struck again, ``end_s`` where it is not: ``[note]``, whose strokes of a key ascend."""
    following_s = np.full(len(key), end_s)
    for k in np.unique(key):
        own = np.flatnonzero(key == k)
        following_s[own[:-1]] = onset_s[own[1:]]
    return following_s


def onset_f1(heard: Performance | None, played: Performance, tolerance_s: float = 0.05) -> tuple[int, int, int]:
    """Strokes heard rightly, heard at all, and played: what precision, recall and F1 are made of.

    A stroke is right if the same key was struck within ``tolerance_s``; each counts once. The tolerance is that
    of the field (mir_eval.transcription), whose F1 without offsets this agrees with.
    """
    if heard is None:
        return 0, 0, played.num_notes
    right = 0
    for pitch in np.unique(heard.pitch):
        ours = np.sort(heard.onset_s[heard.pitch == pitch])
        theirs = np.sort(played.onset_s[played.pitch == pitch])
        place = 0
        for moment in ours:  # both ascend: the earliest partner still free is the best one
            while place < len(theirs) and theirs[place] < moment - tolerance_s:
                place += 1
            if place < len(theirs) and theirs[place] <= moment + tolerance_s:
                right, place = right + 1, place + 1
    return right, heard.num_notes, played.num_notes
