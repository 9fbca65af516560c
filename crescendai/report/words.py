"""The words of the report: what models and protocols are called, and what the headline may claim."""

import math
from dataclasses import dataclass
from pathlib import Path

from crescendai.datasets.splits import CCMUSIC_SPLIT, LEAKY, protocol_name
from crescendai.errors import DataError


@dataclass(frozen=True)
class Model:
    """A row of the results."""

    label: str
    sees: str  # audio, midi or none
    says: str  # what it is, in a few words


MODELS = {
    "hybrid": Model("Hybrid transformer", "audio", "pretrained, with named descriptors and likeness to rated clips"),
    "hybrid_scratch": Model("Hybrid from scratch", "audio", "nothing pretrained: taught by the ratings alone"),
    "hybrid_untrained": Model("Hybrid, untrained", "audio", "its transformer never learned: a control"),
    "ast": Model("Transformer", "audio", "pretrained, without named descriptors"),
    "ast_scratch": Model("Transformer from scratch", "audio", "neither pretrained nor descriptors"),
    "audio_blend": Model("Audio blend", "audio", "the audio baselines together"),
    "audio_svr": Model("Audio SVR", "audio", "support vectors on statistics of the spectrogram"),
    "audio_trees": Model("Audio trees", "audio", "extra-trees on the same statistics"),
    "audio_ridge": Model("Audio ridge", "audio", "a linear model of the same statistics"),
    "midi_blend": Model("MIDI blend", "midi", "the MIDI baselines together"),
    "midi_svr": Model("MIDI SVR", "midi", "support vectors on features of notes and pedal"),
    "midi_trees": Model("MIDI trees", "midi", "extra-trees on the same features"),
    "midi_ridge": Model("MIDI ridge", "midi", "a linear model of the same features"),
    "mean_rater": Model("Mean rating", "none", "always answers the training clips’ mean"),
}
SEES = {"audio": "Hears the sound", "midi": "Reads the MIDI file", "none": "Sees nothing"}


@dataclass(frozen=True)
class Protocol:
    """How clips were divided into training and test parts."""

    title: str
    asks: str
    unheard: str  # ends the sentence "… of the differences between …"


PROTOCOLS = {
    "passage": Protocol(
        "New passages", "No music is in both parts, whoever plays it.",
        "performances of passages it had never heard",
    ),
    "composition": Protocol(
        "New segments", "Near to PercePiano’s published protocol: no (piece, segment) is in both parts; excerpts "
        "of different length may share music.",
        "performances of segments it had never heard, though perhaps of music it had",
    ),
    "performer": Protocol(
        "New players", "No player is in both parts; the music may be.",
        "performances by players it had never heard",
    ),
    "movement": Protocol(
        "New music", "One whole movement at a time is held out: the hard one.",
        "performances of movements it had never heard",
    ),
    "piano": Protocol(
        "New pianos", "One whole piano at a time is held out.",
        "notes of pianos it had never heard",
    ),
    "random": Protocol(
        "Random clips", "Other performances of the same passage are in the training part.",
        "clips whose passage it had already heard",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Objective:
    """What pretraining asks of a network."""

    title: str
    asks: str


OBJECTIVES = {
    "mspm": Objective(
        "Hidden patches, told apart and drawn",
        "Most patches of a spectrogram are hidden. The network draws each of them again, and picks each out among "
        "all that were hidden in the same window.",
    ),
    "mae": Objective(
        "Hidden patches, drawn",
        "Most patches of a spectrogram are hidden. The network sees only the others, and a small decoder, thrown away "
        "afterwards, draws the hidden ones from what the network made of them.",
    ),
    "transcribe": Objective(
        "Writing down what is played",
        "From the sound, the network says for each of the 88 keys and at every moment whether it is struck, how hard, "
        "whether it is down and its string rings; and where the pedal is. The MIDI of this music knows the answer.",
    ),
}


@dataclass(frozen=True)
class Corpus:
    """What a reader must know of the data."""

    title: str
    says: str
    raters: str  # who rated
    passages: str = "passages"
    players: str = "players"


CORPORA = {
    "demo": Corpus(
        "CrescendAI’s demonstration corpus",
        "Its performances and its raters are made by formula. The numbers show that the pipeline works and "
        "finds what was put in; they say nothing about pianists.",
        "made-up listeners",
    ),
    "percepiano": Corpus(
        "PercePiano",
        "Performances recorded as MIDI and played here on sampled pianos, rated by listeners in the study of "
        "Park et al. (Scientific Reports, 2024). The listeners heard other renderings of the same files.",
        "listeners",
    ),
    "folder": Corpus(
        "Your recordings",
        "Recordings and ratings as they were in the folder; how far its raters and its music stand for others, "
        "nobody but you knows.",
        "your raters",
    ),
    "ccmusic": Corpus(
        "CCMusic pianos",
        "Scores are of the piano, not of the recording: there are only as many different ones as there are pianos, and "
        "whoever tells the pianos apart knows them all. Only scores of pianos never heard say whether they can be "
        "heard, and so few pianos say little.",
        "listeners", "pitches", "pianos",
    ),
}


def model_words(name: str) -> Model:
    """Label of a model.

    Raises:
        DataError: a model this module has no words for.
    """
    if name not in MODELS:
        raise DataError(
            f"metrics: expected one of the models {', '.join(MODELS)}, found {name!r}; "
            "say in crescendai/report/words.py what it is and what it sees"
        )
    return MODELS[name]


def objective_words(name: str) -> Objective:
    """What an objective of pretraining is called and asks.

    Raises:
        DataError: an objective this module has no words for.
    """
    if name not in OBJECTIVES:
        raise DataError(
            f"metrics: expected one of the objectives {', '.join(OBJECTIVES)}, found {name!r}; "
            "say in crescendai/report/words.py what it asks"
        )
    return OBJECTIVES[name]


def protocol_words(spec: str) -> Protocol:
    """Label of a protocol of params.yaml."""
    if spec == CCMUSIC_SPLIT:
        return Protocol(
            "Published split", "The published test part; models learn from the other two. Every piano is in both, and "
            "with it its scores.", "notes of pianos it had already heard",
        )  # fmt: skip
    kind, _, rest = spec.partition(":")
    if kind == "file":
        return Protocol(
            f"Published folds: {protocol_name(spec)}",
            "The folds of an earlier study, taken as they are, for comparison with its numbers.",
            "clips outside the training folds",
        )
    if kind == "test":
        return Protocol(
            f"Published test part: {Path(rest).stem}",
            "The clips that the earlier study kept apart from all its folds; models learn from all others.",
            "clips of a published test part",
        )
    if kind == "again":
        again = PROTOCOLS[rest]
        return Protocol(
            f"{again.title}, dealt again", "The same groups in other folds, from another seed: was it luck?",
            again.unheard,
        )
    return PROTOCOLS[spec]


def is_leaky(spec: str) -> bool:
    """Whether the protocol shows test material to the model, so that its scores are no evidence."""
    return spec in LEAKY


def number(value: float | None, digits: int = 2) -> str:
    """A number with a real minus sign; a dash for one that is undefined."""
    if value is None or math.isnan(value):
        return "–"
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else text.removeprefix("-")


def percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f}\u202f%"  # a narrow space that does not break


def p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def fraction_of_ceiling(r2: float, ceiling: float | None) -> str:
    """Share of what can be explained at all; a dash for a model no better than guessing, or where nobody knows."""
    return percent(r2 / ceiling) if r2 > 0 and ceiling is not None else "–"


def headline(corpus: str, spec: str, name: str, score: dict, ceiling: float | None, confidence: float) -> str:
    """The result in one sentence: the best row that hears audio, or that there is none.

    spec: the protocol; name: the row's model; score: its measures; ceiling: R², or None.
    """
    low, high = number(score["r2_low"]), number(score["r2_high"])
    interval = f"{percent(confidence)} interval {low} to {high}"
    label = model_words(name).label.lower().replace("svr", "SVR")
    unheard, raters = protocol_words(spec).unheard, CORPORA[corpus].raters
    if score["r2_low"] <= 0:
        return (
            "No model that hears only the sound is reliably better than guessing the mean rating of "
            f"{unheard}: the best, the {label}, has R² {number(score['r2'])} ({interval}"
            + (")." if ceiling is None else f"; noise ceiling {number(ceiling)}).")
        )
    return (
        f"From the sound alone, the {label} explains {percent(score['r2'])} of the differences in how "
        f"{raters} rate {unheard} ({interval})"
        + (
            "."
            if ceiling is None
            else f", which is {percent(score['r2'] / ceiling)} of the {percent(ceiling)} that their own disagreement "
            "leaves to be explained."
        )
    )
