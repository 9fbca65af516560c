"""What the page says of pretraining: scores on music it did not hear, beside guesses, and pictures."""

import math
from collections.abc import Iterable

import numpy as np
from markupsafe import Markup

from crescendai.report import charts
from crescendai.report.inputs import Inputs
from crescendai.report.media import roll_uri, spectrogram_uri
from crescendai.report.words import model_words, number, objective_words, percent

PICTURES = 3  # windows shown, at most
LOUDEST_PERCENT = 99.8  # of all values, shown brightest; the few above are clipped
STROKES = {"stroke_precision": "Strokes heard that were played", "stroke_recall": "Strokes played that were heard",
           "stroke_f1": "F1, their harmonic mean"}  # fmt: skip
LOSSES = {"loss": "All five together", "onset_loss": "Strokes", "held_loss": "Keys down",
          "sounding_loss": "Ringing strings",
          "velocity_loss": "How hard a key is struck", "pedal_loss": "Pedal"}  # fmt: skip


def pretraining(inputs: Inputs) -> dict:
    """Everything the page says about what the network learned before it saw a rating."""
    (objective, scores), *_ = inputs.pretrained.items()
    words, models = objective_words(objective), inputs.params.finetune.models
    hears = objective == "transcribe"
    return {
        "title": words.title, "asks": words.asks, "objective": objective, "hears": hears,
        "users": _labels(name for name, row in models.items() if row.pretrained),
        "describers": _labels(name for name, row in models.items() if row.pretrained and row.fusion != "none"),
        "scores": _losses(scores) if hears else _masked_scores(scores),
        "strokes": _strokes(scores, inputs.listened), "deaf": inputs.listened.get("clips_without_a_stroke_heard", 0),
        "num_clips": len(inputs.clips), "curve": _curve(inputs), "windows": _windows(inputs),
    }  # fmt: skip


def _labels(names: Iterable[str]) -> str:
    labels = [model_words(name).label for name in names]
    return " and ".join([", ".join(labels[:-1]), labels[-1]] if len(labels) > 1 else labels)


def _masked_scores(scores: dict[str, float]) -> list[tuple[str, str, str, str]]:
    """(what is measured, of the network, of a guess, which guess)."""
    rows = [("Squared error of drawn patches", number(scores["reconstruction_error"], 3),
             number(scores["mean_patch_error"], 3), "always drawing the mean patch")]  # fmt: skip
    if "accuracy" in scores:
        chance = scores["chance_accuracy"]
        rows.append(("Hidden patches picked out rightly", percent(scores["accuracy"], 1), percent(chance, 1), "chance"))
        # Cross-entropy of choosing evenly among n is ln n.
        rows.append(("Contrastive loss of picking", number(scores["contrastive_loss"], 3),
                     number(-math.log(chance), 3), "chance"))  # fmt: skip
    return rows


def _losses(scores: dict[str, float]) -> list[tuple[str, str, str, str]]:
    guess = number(1.0, 3), "the best constant guess"
    return [(label, number(scores[name], 3), *guess) for name, label in LOSSES.items()]


def _strokes(held_out: dict[str, float], rated: dict[str, float]) -> list[tuple[str, str, str]]:
    """(what is measured, of held-out music, of the rated clips); none unless strokes are written down."""
    return [
        (label, percent(held_out[name], 1), percent(rated[name], 1) if name in rated else "–")
        for name, label in STROKES.items() if name in held_out
    ]  # fmt: skip


def _curve(inputs: Inputs) -> Markup:
    curve = inputs.pretrain_curve
    train, held_out, steps = (list(curve[name]) for name in ("train_loss", "held_out_loss", "step"))
    label = f"Loss by step: on held-out music {held_out[0]:.3g} at step {steps[0]}, {held_out[-1]:.3g} at the end"
    both = [*train, *held_out]
    return charts.learning_curve(
        steps, train, held_out, len(steps) - 1, steps[-1], (min(both), max(both)), label, "step"
    )


def _windows(inputs: Inputs) -> list[dict]:
    """The pictures of each window: of its sound, of what the network was given or should say, of what it said."""
    arrays = inputs.pretext
    hop_s = inputs.params.spectrograms.hop_length / inputs.params.render.sample_rate_hz
    loudest = float(np.percentile(arrays["sound"], LOUDEST_PERCENT))
    windows = []
    for index in range(min(PICTURES, len(arrays["sound"]))):
        duration = f"{len(arrays['sound'][index]) * hop_s:.1f} seconds"
        of = f"of held-out window {index + 1}"
        sound = f"Log-mel spectrogram {of}: {duration} from left to right, low notes at the bottom, loud is bright."
        pictures = [{"title": "Sound", "alt": sound, "uri": spectrogram_uri(arrays["sound"][index], loudest)}]
        if "played" in arrays:
            for name, says in (("played", "Strings that ring"), ("heard", "Chance of each string to ring, as heard")):
                alt = f"{says} {of}: 88 keys, low ones at the bottom, {duration} from left to right."
                pictures.append({"title": name.capitalize(), "alt": alt, "uri": roll_uri(arrays[name][index])})
        else:
            hidden = percent(float(np.isnan(arrays["shown"][index]).mean()))
            both = ("shown", f"{hidden} of it hidden, in grey"), ("drawn", "the hidden part as the network draws it")
            for name, says in both:
                uri = spectrogram_uri(arrays[name][index], loudest)
                pictures.append({"title": name.capitalize(), "alt": f"Spectrogram {of}, {says}.", "uri": uri})
        windows.append({"duration": duration, "pictures": pictures})
    return windows
