"""A made-up run in the layout of the pipeline: what stage report reads, without running the stages."""

import io
import json
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from crescendai.audio.logmel import log_mel_spectrogram
from crescendai.datasets.store import write_store
from crescendai.datasets.tables import write_table
from crescendai.datasets.targets import Targets, write_targets
from crescendai.dimensions import NAMES
from crescendai.midi.probes import PROBES
from crescendai.params import Params

PROJECT = Path(__file__).parents[2]
SAMPLE_RATE_HZ = 22050
PROTOCOLS = ("passage", "random")
# How much of a rating each model gets right, by what the row is called.
SKILL = {"mean_rater": 0.0, "audio_blend": 0.65, "midi_blend": 0.75, "hybrid": 0.68, "hybrid_untrained": 0.6}
NETWORKS = ("hybrid", "hybrid_untrained")


def make_run(top: Path, params: Params, pieces: int, players: int, protocols: tuple, skill: dict) -> Path:
    """Writes params.yaml, data, plots and metrics of ``pieces * players`` clips below ``top``."""
    rng = np.random.default_rng(3)
    data, plots = top / "data" / "demo", top / "plots" / "demo"
    shutil.copy(PROJECT / "params.yaml", top / "params.yaml")
    clips = _clips(rng, pieces, players)
    write_targets(Targets.of_dimensions(), data)
    write_table(clips, data / "clips.parquet")
    _write_sound(clips, data, params)
    folds = pd.concat([_folds(clips, protocol) for protocol in protocols])
    write_table(folds, data / "folds.parquet")
    predictions = _predictions(rng, clips, folds, skill)
    of_network = predictions["model"].isin(NETWORKS)
    for file, own in (("networks", of_network), ("baselines", ~of_network)):
        write_table(predictions[own], data / "predictions" / f"{file}.parquet")
    curves = _curves(rng, folds[folds["protocol"] == "passage"]["fold"].nunique())
    write_table(curves, data / "curves.parquet")
    plots.mkdir(parents=True)
    _write_results(rng, clips, predictions, top)
    write_pretraining(top, "transcribe")
    row = {"r2_taught": 0.4321, "r2_untaught": 0.3876, "lost": 0.0445}
    row |= {f"{name}_{end}": value + d for name, value in row.items() for end, d in (("low", -0.03), ("high", 0.03))}
    rows = [
        {"probe": probe, "dimension": name, "effect": 0.05, "low": 0.03, "high": 0.07,
         "expected": of.expected.get(name, 0)}
        for probe, of in PROBES.items() for name in NAMES
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(top / "plots" / "demo" / "probes.csv", index=False)
    instruments = {"hybrid": {"timgm": row, "upright-kw-sf2": row}}
    (top / "metrics" / "demo-instruments.json").write_text(json.dumps(instruments))
    checks = {check: {"num_clips": clips, "r2": r2, "r2_low": r2 - 0.1, "r2_high": r2 + 0.1}
              for check, clips, r2 in (("50%", 421.0, 0.3141), ("100%", 824.0, 0.3579), ("shuffled", 824.0, -0.0123))}
    disagreement = {"squared_error": 0.008, "scatter": 0.002, "pearson": 0.27}
    limits = {"checks": checks, "disagreement": disagreement}
    (top / "metrics" / "demo-limits.json").write_text(json.dumps(limits))
    return top


def write_pretraining(top: Path, objective: str) -> None:
    """What stages pretrain and listen write of one objective: scores, a curve and pictures."""
    rng, step = np.random.default_rng(5), np.arange(50, 351, 50)
    losses = {"train_loss": 0.5 + np.exp(-step / 100), "held_out_loss": 0.55 + np.exp(-step / 100)}
    curve = pd.DataFrame({"step": step, "learning_rate": 1e-3, **losses})
    curve.round(4).to_csv(top / "plots" / "demo" / "pretrain.csv", index=False)
    sound = rng.uniform(-100, -20, (3, 64, 128))
    if objective == "transcribe":
        names = ("loss", "onset_loss", "held_loss", "sounding_loss", "velocity_loss", "pedal_loss")
        scores = dict(zip(names, (0.4512, 0.5, 0.45, 0.4, 0.3, 0.6), strict=True))
        scores |= {"stroke_precision": 0.9123, "stroke_recall": 0.8765, "stroke_f1": 0.8940}
        listened = {"stroke_precision": 0.9321, "stroke_recall": 0.8567, "stroke_f1": 0.8928,
                    "clips_without_a_stroke_heard": 2}  # fmt: skip
        played = rng.random((3, 64, 88)) < 0.05
        pictures = {"played": played, "heard": 0.7 * played + 0.1}
    else:
        scores, listened = {"loss": 4.5, "reconstruction_error": 0.3123, "mean_patch_error": 0.8765}, {}
        if objective == "mspm":
            scores |= {"accuracy": 0.2345, "chance_accuracy": 1 / 48, "contrastive_loss": 1.234}
        hidden = np.repeat(rng.random((3, 8, 1)) < 0.75, 8, axis=1)
        pictures = {"shown": np.where(hidden, np.nan, sound), "drawn": np.where(hidden, -60, sound)}
    arrays = {name: array.astype(np.float16) for name, array in {"sound": sound, **pictures}.items()}
    np.savez_compressed(top / "data" / "demo" / "pretext.npz", **arrays)
    for name, values in (("pretrain", {objective: scores}), ("listen", listened)):
        (top / "metrics" / f"demo-{name}.json").write_text(json.dumps(values))


def _clips(rng, pieces: int, players: int) -> pd.DataFrame:
    rows = []
    for piece in range(pieces):
        for player in range(players):
            excerpt = f"Study{piece + 1}_8bars_{piece % 2 + 1}"
            ratings = np.clip(
                0.55 + 0.06 * rng.standard_normal() + 0.13 * rng.standard_normal(len(NAMES)), 0.15, 1
            )
            rows.append(
                {
                    "clip_id": f"Study{piece + 1}_8bars_player{player:02d}_{piece % 2 + 1}",
                    "piece": f"Study no. {piece + 1} <& sons>", "movement": f"Study{piece + 1}",
                    "segment": str(piece % 2 + 1), "player": f"player{player:02d}", "passage": excerpt,
                    "excerpt": excerpt, "midi": b"", "audio": None, "n_raters": int(rng.integers(6, 15)),
                }
                | dict(zip(NAMES, ratings, strict=True))
            )  # fmt: skip
    return pd.DataFrame(rows)


def _write_sound(clips: pd.DataFrame, data: Path, params: Params) -> None:
    settings, sounds, spectrograms = params.spectrograms, [], []
    for index, clip_id in enumerate(clips["clip_id"]):
        samples = _melody(index)
        flac = io.BytesIO()
        soundfile.write(flac, samples, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
        duration_s = len(samples) / SAMPLE_RATE_HZ
        sounds.append({"clip_id": clip_id, "instrument": "timgm", "sample_rate_hz": SAMPLE_RATE_HZ,
                       "num_samples": len(samples), "duration_s": duration_s,
                       "file_duration_s": duration_s + 2,
                       "flac": flac.getvalue()})  # fmt: skip
        spectrograms.append(log_mel_spectrogram(samples, SAMPLE_RATE_HZ, **settings.model_dump()))
    audio = pd.DataFrame(sounds)
    write_table(audio, data / "audio.parquet")
    index = audio[["clip_id", "instrument", "duration_s"]].assign(
        num_frames=[len(one) for one in spectrograms]
    )
    write_store(data / "spectrograms", index, spectrograms, settings.n_mels, settings.model_dump())


def _melody(index: int) -> np.ndarray:
    """A few decaying tones with overtones, of another length and loudness for every clip."""
    notes = 4 + index % 4
    time_s = np.arange(int(SAMPLE_RATE_HZ * (0.3 * notes + 0.5))) / SAMPLE_RATE_HZ
    samples = np.zeros_like(time_s)
    for note in range(notes):
        since_s = time_s - 0.3 * note
        pitch_hz = 220 * 2 ** (((7 * index + 4 * note) % 24) / 12)
        decay = np.where(since_s >= 0, np.exp(-3 * np.maximum(since_s, 0)), 0)
        samples += decay * sum(np.sin(2 * np.pi * pitch_hz * k * since_s) / k**2 for k in range(1, 7))
    return (0.08 * (1 + index % 3) * samples).astype(np.float32)


def _folds(clips: pd.DataFrame, protocol: str) -> pd.DataFrame:
    column = {"passage": "passage", "performer": "player", "movement": "movement"}.get(
        protocol, "clip_id"
    )
    fold = np.unique(clips[column], return_inverse=True)[1] % (len(clips) if protocol == "movement" else 3)
    return pd.DataFrame(
        {"protocol": protocol, "clip_id": clips["clip_id"], "fold": fold, "group": clips[column]}
    )


def _predictions(rng, clips: pd.DataFrame, folds: pd.DataFrame, skill: dict) -> pd.DataFrame:
    rated, tables = clips[list(NAMES)].to_numpy(), []
    hardness = {"passage": 1.0, "performer": 0.9, "movement": 0.1, "random": 1.15}
    shared = 0.05 * rng.standard_normal(rated.shape)
    for protocol, own in folds.groupby("protocol", sort=False):
        for model, right in skill.items():
            if model in NETWORKS and protocol != "passage":
                continue
            noise = 0.06 * rng.standard_normal(rated.shape) + shared if right else 0
            right = right * hardness.get(protocol, 0.95) * (0.5 + rng.random(len(NAMES)))
            answer = rated.mean(axis=0) + right * (rated + noise - rated.mean(axis=0))
            table = pd.DataFrame(answer, columns=list(NAMES))
            tables.append(table.assign(protocol=protocol, model=model, clip_id=own["clip_id"].to_numpy(),
                                       fold=own["fold"].to_numpy()))  # fmt: skip
    return pd.concat(tables)[["protocol", "model", "clip_id", "fold", *NAMES]]


def _curves(rng, num_folds: int) -> pd.DataFrame:
    rows = []
    for model, fold in product(NETWORKS, range(num_folds)):
        for epoch in range(17 + 5 * fold):
            loss = 0.25 + 0.75 * np.exp(-epoch / 4)
            rows.append({"protocol": "passage", "model": model, "fold": fold, "epoch": epoch, "train_loss": loss * 0.9,
                         "validation_loss": loss * (1.05 + 0.02 * (epoch / 10) ** 2 + 0.05 * rng.random()),
                         "learning_rate": 1e-3 / (epoch + 1), "clips_per_s": 30.0})  # fmt: skip
    return pd.DataFrame(rows)


def _write_results(rng, clips: pd.DataFrame, predictions: pd.DataFrame, top: Path) -> None:
    plots, rated = top / "plots" / "demo", clips.set_index("clip_id")[list(NAMES)]
    ceilings = 0.62 + 0.28 * rng.random(len(NAMES))
    metrics: dict = {"ceiling": {"r2": ceilings.mean(), "pearson": np.sqrt(ceilings.mean()),
                                 "single_rater_pairs_in_order": 0.612}}  # fmt: skip
    dimensions, errors, comparisons = [], {}, []
    for (protocol, model), own in predictions.groupby(["protocol", "model"], sort=False):
        answer = own.set_index("clip_id")[list(NAMES)].loc[rated.index]
        r2 = 1 - ((answer - rated) ** 2).mean() / rated.var(ddof=0)
        r2 = np.minimum(r2, ceilings) if model != "mean_rater" else r2
        half = 0.05 + 0.05 * rng.random()
        pearson = None if model == "mean_rater" else float(np.sqrt(max(r2.mean(), 0)))
        metrics.setdefault(protocol, {})[model] = {
            "r2": float(r2.mean()), "r2_low": float(r2.mean() - half), "r2_high": float(r2.mean() + half),
            "r2_folds": float(r2.mean() - 0.02), "pearson": pearson, "spearman": pearson,
            "ccc": 0.0 if pearson is None else pearson - 0.05,
            "mae": float((answer - rated).abs().to_numpy().mean()),
        }  # fmt: skip
        if model == "hybrid" and protocol == "passage":
            metrics[protocol][model]["takes"] = {
                "num_pairs": 120, "pearson": 0.631, "pearson_low": 0.6, "pearson_high": 0.66,
                "pairs_in_order": 0.697, "pairs_in_order_low": 0.684, "pairs_in_order_high": 0.708,
            }  # fmt: skip
        for index, name in enumerate(NAMES):
            dimensions.append({"protocol": protocol, "model": model, "dimension": name, "r2": r2.iloc[index],
                               "r2_low": r2.iloc[index] - half, "r2_high": r2.iloc[index] + half,
                               "pearson": pearson, "spearman": pearson, "ccc": pearson, "mae": 0.07,
                               "ceiling_r2": ceilings[index]})  # fmt: skip
        if protocol == "passage":
            errors[model] = (answer - rated).to_numpy().ravel()
    baselines = [model for model in errors if model not in (*NETWORKS, "mean_rater")]
    main, *others = NETWORKS
    for model, baseline in [*product([main], [*others, *baselines]), *product(others, baselines)]:
        comparisons.append({"protocol": "passage", "model": model, "baseline": baseline, "difference_r2": -0.0312,
                            "low": -0.0801, "high": 0.0123, "p": 0.0004, "p_holm": 0.0412})  # fmt: skip
    pairs = [(a, b) for a in errors for b in errors if a < b]
    correlation = [
        {"model_a": a, "model_b": b, "correlation": np.corrcoef(errors[a], errors[b])[0, 1]} for a, b in pairs
    ]
    network = predictions[(predictions["protocol"] == "passage") & predictions["model"].isin(NETWORKS)]
    predicted = network.melt(["protocol", "model", "clip_id", "fold"], list(NAMES), "dimension", "predicted")
    predicted["rated"] = [rated.loc[row.clip_id, row.dimension] for row in predicted.itertuples()]
    predicted = predicted.sample(min(2000, len(predicted)), random_state=1)
    intervals = [
        {"protocol": "passage", "model": "hybrid", "dimension": name, "half_width": 0.2 + 0.01 * k, "coverage": 0.9,
         "coverage_of_groups": 0.92}
        for k, name in enumerate(NAMES)
    ]  # fmt: skip
    tables = {"dimensions": dimensions, "comparisons": comparisons, "error_correlation": correlation,
              "intervals": intervals}  # fmt: skip
    for name, rows in (tables | {"predicted": predicted}).items():
        pd.DataFrame(rows).round(4).to_csv(plots / f"{name}.csv", index=False)
    (top / "metrics").mkdir()
    (top / "metrics" / "demo.json").write_text(json.dumps(metrics, indent=2))
