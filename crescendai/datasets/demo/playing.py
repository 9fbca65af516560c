"""A small model of expressive piano playing: ten parameters turn a score into a performance.

The parts are well known: tempo and loudness that rise and fall together over a phrase (Todd, *The
dynamics of dynamics: a model of musical expression*, J. Acoust. Soc. Am. 91, 1992); a melody that
sounds a little before its accompaniment (Repp, *Patterns of note onset asynchronies in expressive
piano performance*, J. Acoust. Soc. Am. 100, 1996); articulation, "the higher, the louder" and
timing noise as separate rules, each with its own strength (Friberg, Bresin & Sundberg, *Overview
of the KTH rule system for musical performance*, Advances in Cognitive Psychology 2, 2006). The
sizes below are this project's own, chosen to be plausible and to be heard.
"""

from dataclasses import dataclass

import numpy as np

from crescendai.datasets.demo.notation import MELODY, Score
from crescendai.midi.notes import Performance

LEAD_IN_S = 0.15  # before the first note, so that a melody ahead of the beat stays in the file
VELOCITY_RANGE = (25, 115)  # below 15 the synthesizers are silent
LOUDER_PER_SEMITONE = 0.02  # of velocity_range, within a voice
DOWNBEAT_VELOCITY = 3.0  # the first chord of a harmony is played a little louder
VELOCITY_NOISE = 2.0
SHORTEST_NOTE_S = 0.04
PEDAL_GAP_S = 0.08  # a foot needs this long to lift and press again
STYLE_SHARE = 0.5  # of the variance of playing that belongs to the player, the rest to the clip


@dataclass(frozen=True)
class Parameter:
    """One way in which performances differ: centre and spread (standard deviation) in its unit.

    temperament: loadings on three traits: fire, romance, control. Real players' habits go
    together, too; the squares of a row sum to less than 1, the rest is the parameter's own.
    """

    name: str
    centre: float
    spread: float
    temperament: tuple[float, float, float]


PARAMETERS: tuple[Parameter, ...] = (
    Parameter("tempo_ratio", 1.0, 0.12, (0.4, -0.3, 0.0)),  # times the written tempo
    Parameter("rubato", 0.35, 0.15, (0.0, 0.7, 0.0)),  # depth of the phrase arch of the beat's length
    Parameter("jitter_ms", 22.0, 10.0, (0.1, 0.0, -0.8)),  # standard deviation of the onsets
    Parameter("melody_lead_ms", 18.0, 9.0, (0.0, 0.6, 0.3)),
    Parameter("key_hold", 0.78, 0.19, (-0.3, 0.5, 0.0)),  # key down over written duration; above 1 is legato
    Parameter("velocity_level", 70.0, 12.0, (0.8, 0.0, -0.2)),  # mean MIDI velocity
    Parameter("velocity_range", 28.0, 13.0, (0.5, 0.5, 0.2)),  # between the phrase's height and its ends
    Parameter("voicing", 12.0, 7.0, (0.0, 0.2, 0.7)),  # velocity of the melody above the other voices
    Parameter("pedal_fraction", 0.52, 0.21, (0.1, 0.7, 0.0)),  # of the time the pedal is down
    Parameter("pedal_overlap_ms", 160.0, 80.0, (0.2, 0.3, -0.6)),  # held on after the harmony has changed
)
PARAMETER_NAMES: tuple[str, ...] = tuple(parameter.name for parameter in PARAMETERS)
_TEMPERAMENT = np.array([parameter.temperament for parameter in PARAMETERS])
WIDEST = 2.0  # no parameter lies further than this many spreads from its centre


def draw_style(rng: np.random.Generator) -> np.ndarray:
    """Draws ``[parameter]`` deviations of mean 0 and variance 1, correlated by temperament."""
    own = np.sqrt(1 - (_TEMPERAMENT**2).sum(axis=1))
    shared = _TEMPERAMENT @ rng.standard_normal(_TEMPERAMENT.shape[1])
    return shared + own * rng.standard_normal(len(PARAMETERS))


def choose_parameters(character: dict[str, float], player: np.ndarray, clip: np.ndarray) -> dict[str, float]:
    """How one clip is played, in the parameters' units.

    centre + spread · clip(character + √share · player + √(1 - share) · clip, ±2), with the share of
    the player's habits in the variance, STYLE_SHARE.

    character: offsets of the piece, in spreads; every name is one of PARAMETER_NAMES.
    player, clip: ``[parameter]`` from `draw_style`.
    """
    deviation = np.sqrt(STYLE_SHARE) * player + np.sqrt(1 - STYLE_SHARE) * clip
    for name, offset in character.items():
        deviation[PARAMETER_NAMES.index(name)] += offset
    deviation = np.clip(deviation, -WIDEST, WIDEST)
    return {
        parameter.name: parameter.centre + parameter.spread * float(size)
        for parameter, size in zip(PARAMETERS, deviation, strict=True)
    }


def beat_times_s(
    quarters: np.ndarray, length: float, quarters_per_minute: float, rubato: float
) -> np.ndarray:
    """When a place of the score is played: a phrase arch after Todd, the middle faster than the ends.

    The beat is 1 + rubato · ((2x - 1)² - 1/3) times its mean length at x = quarters / length;
    integrated over x that leaves the phrase as long as without rubato.
    """
    x = quarters / length
    shift = rubato * length * (((2 * x - 1) ** 3 + 1) / 6 - x / 3)
    return (quarters + shift) * 60 / quarters_per_minute


def _onsets(score: Score, beat_s: np.ndarray, how: dict[str, float], rng: np.random.Generator) -> np.ndarray:
    # All notes of a chord share the error of the hand; the melody is ahead on top of it. An error
    # stays below a third of the way to the next chord, so that no two chords change places, and
    # below three standard deviations, so that the first one stays in the file.
    places, chord = np.unique(score.onset, return_inverse=True)
    place_s = np.array([beat_s[score.onset == place][0] for place in places])
    room = np.diff(place_s, append=np.inf)
    jitter_s = how["jitter_ms"] / 1000
    room = np.minimum(np.minimum(room, np.roll(room, 1)) / 3, 3 * jitter_s)
    error = np.clip(rng.normal(0.0, jitter_s, len(places)), -room, room)
    return LEAD_IN_S + beat_s + error[chord] - (score.voice == MELODY) * how["melody_lead_ms"] / 1000


def _offsets(score: Score, onset_s: np.ndarray, written_s: np.ndarray, key_hold: float) -> np.ndarray:
    offset_s = onset_s + np.maximum(key_hold * written_s, SHORTEST_NOTE_S)
    for pitch in np.unique(score.pitch):  # a key must be up before it can be struck again
        same = np.flatnonzero(score.pitch == pitch)
        same = same[np.argsort(onset_s[same])]
        offset_s[same[:-1]] = np.minimum(offset_s[same[:-1]], onset_s[same[1:]] - 0.02)
    return offset_s


def _velocities(score: Score, how: dict[str, float], rng: np.random.Generator) -> np.ndarray:
    arch = 1 - (2 * score.onset / score.length - 1) ** 2
    height = np.zeros(len(score.pitch))
    for voice in np.unique(score.voice):
        own = score.voice == voice
        height[own] = score.pitch[own] - score.pitch[own].mean()
    shape = how["velocity_range"] * (arch + LOUDER_PER_SEMITONE * height)
    shape += how["voicing"] * (score.voice == MELODY)
    shape += DOWNBEAT_VELOCITY * np.isin(score.onset, score.harmony_onset)
    velocity = how["velocity_level"] + shape - shape.mean() + rng.normal(0.0, VELOCITY_NOISE, len(shape))
    return np.clip(np.rint(velocity), *VELOCITY_RANGE).astype(np.int16)


def _pedal(
    change_s: np.ndarray, how: dict[str, float], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Times and depths of the sustain pedal; change_s: the harmony's beginnings and the end.

    The foot is down for its share of each harmony and lifts pedal_overlap_ms after the next one has
    begun: late, so that two harmonies run into each other. More pedal is also deeper pedal.
    """
    length = np.diff(change_s)
    up = change_s[1:] + how["pedal_overlap_ms"] / 1000
    down = up - np.minimum(how["pedal_fraction"] * length, length - PEDAL_GAP_S)
    depth = np.clip(76 + 44 * how["pedal_fraction"] + rng.normal(0, 4, len(length)), 70, 127)
    half = rng.uniform(25, 55, (2, len(length)))  # on the way, below the 64 at which dampers lift
    time = np.stack([down - 0.015, down, up, up + 0.015], axis=1)
    value = np.stack([half[0], depth, half[1], np.zeros(len(length))], axis=1)
    return time.ravel(), np.rint(value).astype(np.int16).ravel()


def perform(
    score: Score, quarters_per_minute: float, how: dict[str, float], rng: np.random.Generator
) -> Performance:
    """Plays a score.

    quarters_per_minute: the written tempo.
    how: a value for each of PARAMETERS.
    """
    tempo = quarters_per_minute * how["tempo_ratio"]
    beat_s = beat_times_s(score.onset, score.length, tempo, how["rubato"])
    release_s = beat_times_s(score.onset + score.duration, score.length, tempo, how["rubato"])
    onset_s = _onsets(score, beat_s, how, rng)
    offset_s = _offsets(score, onset_s, release_s - beat_s, how["key_hold"])
    velocity = _velocities(score, how, rng)
    places = np.append(score.harmony_onset, score.length)
    pedal_time_s, pedal_value = _pedal(
        LEAD_IN_S + beat_times_s(places, score.length, tempo, how["rubato"]), how, rng
    )
    order = np.lexsort((score.pitch, onset_s))
    return Performance(
        pitch=score.pitch[order].astype(np.int16),
        velocity=velocity[order],
        onset_s=onset_s[order],
        offset_s=offset_s[order],
        pedal_time_s=pedal_time_s,
        pedal_control=np.full(len(pedal_time_s), 64, dtype=np.int16),
        pedal_value=pedal_value,
        file_end_s=float(offset_s.max()),
    )
