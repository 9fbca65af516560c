"""The clips that the main network predicted best and worst, to be heard and seen."""

import numpy as np
import pandas as pd

from crescendai.audio.logmel import mel_centres_hz
from crescendai.datasets.store import SpectrogramStore
from crescendai.datasets.targets import Targets
from crescendai.report import charts
from crescendai.report.inputs import Inputs
from crescendai.report.media import read_sounds, spectrogram_uri
from crescendai.report.scale import middle
from crescendai.report.words import number

CLIPS_SHOWN = 3  # of either kind; keeps the page under 8 MB
FREQUENCY_LABELS_HZ = (110, 440, 1000, 3000, 8000)


def best_and_worst(inputs: Inputs) -> list[tuple[str, float]]:
    """(clip, mean absolute error over the dimensions), the best clips first, then the worst, worst first."""
    rated = inputs.clips.set_index("clip_id")[list(inputs.targets.rated_names)]
    error = (inputs.predictions - rated.loc[inputs.predictions.index]).abs().mean(axis=1).dropna()
    ordered = error.reset_index(name="error").sort_values(["error", "clip_id"])
    shown = min(CLIPS_SHOWN, len(ordered) // 2)
    chosen = [
        *ordered.head(shown).itertuples(index=False),
        *ordered.tail(shown)[::-1].itertuples(index=False),
    ]
    return [(row.clip_id, float(row.error)) for row in chosen]


def clip_cards(inputs: Inputs) -> list[dict]:
    """Everything the page says about the best and the worst clips."""
    chosen = best_and_worst(inputs)
    sounds = read_sounds(inputs.folder / "audio.parquet", [clip_id for clip_id, _ in chosen])
    store = SpectrogramStore(inputs.folder / "spectrograms")
    position = {(row.clip_id, row.instrument): index for index, row in enumerate(store.index.itertuples())}
    log_mels = {clip_id: store.clip(position[clip_id, sounds[clip_id].instrument]) for clip_id, _ in chosen}
    loudest = max(float(np.percentile(frames.astype(np.float32), 99.8)) for frames in log_mels.values())
    clips = inputs.clips.set_index("clip_id")
    cards = []
    for index, (clip_id, error) in enumerate(chosen):
        clip, sound = clips.loc[clip_id], sounds[clip_id]
        cards.append({
            "best": index < len(chosen) // 2, "clip_id": clip_id, "piece": clip["piece"],
            "player": clip["player"],
            "n_raters": int(clip["n_raters"]), "error": number(error, 3), "instrument": sound.instrument,
            "duration_s": sound.duration_s, "sound": sound.uri,
            "picture": spectrogram_uri(log_mels[clip_id], loudest), "frequencies": _frequencies(inputs),
            "rows": _rating_rows(inputs.targets, clip, inputs.predictions.loc[clip_id], middle(inputs.corpus)),
        })  # fmt: skip
    return cards


def _rating_rows(targets: Targets, rated: pd.Series, predicted: pd.Series, middle: float) -> list[dict]:
    """Those that the clip is rated in."""
    return [
        {
            "low": dimension.low_pole, "high": dimension.high_pole,
            "chart": charts.rating_row(rated[dimension.name], predicted[dimension.name], middle),
            "rated": number(rated[dimension.name]), "predicted": number(predicted[dimension.name]),
        }
        for dimension in targets.rated
        if not np.isnan(rated[dimension.name])
    ]  # fmt: skip


def _frequencies(inputs: Inputs) -> list[tuple[str, str]]:
    """(height from the top, text) of the labels beside a spectrogram."""
    settings = inputs.params.spectrograms
    centres_hz = mel_centres_hz(settings.n_mels, settings.f_min_hz, settings.f_max_hz)
    labels = []
    for frequency_hz in FREQUENCY_LABELS_HZ:
        if centres_hz[0] <= frequency_hz <= centres_hz[-1]:
            band = np.interp(frequency_hz, centres_hz, np.arange(len(centres_hz)))
            text = f"{frequency_hz} Hz" if frequency_hz < 1000 else f"{frequency_hz / 1000:g} kHz"
            labels.append((f"{100 * (1 - (band + 0.5) / len(centres_hz)):.1f}%", text))
    return labels
