"""Turns tables into what the template prints: rows of text with their charts."""

import math

import numpy as np
import pandas as pd

from crescendai.datasets.splits import LEAKY, PLAYERS, protocol_name, shared_passages
from crescendai.midi.probes import PROBES
from crescendai.report import charts
from crescendai.report.inputs import Inputs
from crescendai.report.words import (
    MODELS,
    SEES,
    fraction_of_ceiling,
    is_leaky,
    model_words,
    number,
    p_value,
    percent,
    protocol_words,
)

LOWEST_R2 = -0.3  # scores below are drawn as an arrow at the end of the axis


def names_that(sees: str) -> tuple[str, ...]:
    """Models that hear audio, read the MIDI or see nothing."""
    return tuple(name for name, model in MODELS.items() if model.sees == sees)


def score_axis(scores: list[float]) -> tuple[charts.Axis, list[float]]:
    """An axis from zero, or from below the lowest score, to 1, and its ticks."""
    lowest = min([0.0, *(score for score in scores if not math.isnan(score))])
    low = max(LOWEST_R2, math.floor(10 * lowest - 0.2) / 10)
    ticks = [tick for tick in (-0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0) if tick >= low]
    return charts.Axis(low, 1.0), ticks


def results(inputs: Inputs) -> list[dict]:
    """One entry a protocol: its rows grouped by what they see, and the comparisons made in it."""
    lows = [row["r2_low"] for models in inputs.metrics.values() for row in models.values()]
    axis, ticks = score_axis(lows)
    sections = []
    for spec in inputs.specs:
        name, words = protocol_name(spec), protocol_words(spec)
        models = inputs.metrics[name]
        for model in models:
            model_words(model)  # refuses a row that nothing is known about
        parts = inputs.folds[inputs.folds["protocol"] == name]
        folds = parts[parts["fold"] >= 0]
        groups = []
        for sees, title in SEES.items():
            rows = [_result_row(axis, ticks, inputs, model, models[model])
                    for model in names_that(sees) if model in models]  # fmt: skip
            if rows:
                groups.append({"sees": sees, "title": title, "rows": rows})
        sections.append({
            "name": name, "title": words.title, "asks": words.asks, "leaky": is_leaky(spec),
            "first": not sections,
            "num_clips": len(folds), "num_groups": folds["group"].nunique(),
            "num_folds": folds["fold"].nunique(), "num_shared": _num_shared(inputs, spec, parts),
            "ticks": charts.tick_row(axis, ticks), "groups": groups,
            "told_apart": _told_apart(models), "takes": _takes(models),
            **_comparisons(inputs, name),
        })  # fmt: skip
    return sections


def _told_apart(models: dict[str, dict]) -> list[dict]:
    """What is told apart, and how often rightly by each model; none for most corpora."""
    found: dict[str, list[dict]] = {}
    for model in (name for name in MODELS if name in models):
        for what, score in models[model].get("told_apart", {}).items():
            found.setdefault(what, []).append({
                "label": model_words(model).label, "accuracy": percent(score["accuracy"]),
                "interval": f"{percent(score['low'])} to {percent(score['high'])}", "chance": percent(score["chance"]),
            })  # fmt: skip
    return [{"what": what, "rows": rows, "chance": rows[0]["chance"]} for what, rows in found.items()]


def _takes(models: dict[str, dict]) -> list[dict]:
    """How each model tells takes of the same music apart; none where several networks rated them."""
    return [
        {
            "label": model_words(model).label, "pearson": number(takes["pearson"]),
            "pearson_interval": f"{number(takes['pearson_low'])} to {number(takes['pearson_high'])}",
            "in_order": percent(takes["pairs_in_order"]),
            "interval": f"{percent(takes['pairs_in_order_low'])} to {percent(takes['pairs_in_order_high'])}",
        }
        for model in MODELS if (takes := models.get(model, {}).get("takes"))
    ]  # fmt: skip


def _num_shared(inputs: Inputs, spec: str, folds: pd.DataFrame) -> int:
    """Passages in more than one part, where parts are meant to keep music apart."""
    return 0 if spec in (*PLAYERS, *LEAKY) else len(shared_passages(inputs.clips, folds))


def _result_row(axis: charts.Axis, ticks: list[float], inputs: Inputs, model: str, score: dict) -> dict:
    words, ceiling = model_words(model), inputs.ceiling
    return {
        "label": words.label, "says": words.says, "network": model == inputs.network,
        "chart": charts.score_row(axis, ticks, ceiling, [(words.sees, False, score["r2"])],
                                  (score["r2_low"], score["r2_high"])),
        "r2": number(score["r2"]), "interval": f"{number(score['r2_low'])} to {number(score['r2_high'])}",
        "fraction": fraction_of_ceiling(score["r2"], ceiling),
        "pearson": number(score["pearson"]), "spearman": number(score["spearman"]),
        "ccc": number(score["ccc"]), "mae": number(score["mae"], 3),
    }  # fmt: skip


def _comparisons(inputs: Inputs, protocol: str) -> dict[str, list[dict]]:
    """Those of the main network, and those of the others."""
    rows = inputs.comparisons[inputs.comparisons["protocol"] == protocol]
    is_main = rows["model"] == inputs.network
    return {"comparisons": _compared(rows[is_main]), "other_comparisons": _compared(rows[~is_main])}


def _compared(rows: pd.DataFrame) -> list[dict]:
    return [
        {
            "model": model_words(row.model).label, "baseline": model_words(row.baseline).label,
            "difference": ("+" if row.difference_r2 > 0 else "") + number(row.difference_r2, 3),
            "interval": f"{number(row.low, 3)} to {number(row.high, 3)}",
            "p": p_value(row.p), "p_holm": p_value(row.p_holm),
        }
        for row in rows.itertuples()
    ]  # fmt: skip


def dimensions(inputs: Inputs) -> dict:
    """Every dimension's score under the main protocol: the main network, the best baselines, the ceiling."""
    table = inputs.dimensions[inputs.dimensions["protocol"] == protocol_name(inputs.main_spec)]
    main = inputs.network
    audio = inputs.best(tuple(name for name in names_that("audio") if name not in inputs.params.finetune.models))
    midi = inputs.best(names_that("midi"))
    shown = [name for name in (midi, audio, main) if name is not None]  # drawn in this order
    scores = {name: table[table["model"] == name].set_index("dimension") for name in shown}
    axis, ticks = score_axis([*pd.concat(scores.values())["r2"], *scores[main]["r2_low"]])
    held = inputs.intervals[inputs.intervals["protocol"] == protocol_name(inputs.main_spec)].set_index("dimension")
    rows, group = [], None
    for dimension in inputs.targets.rated:
        network = scores[main].loc[dimension.name]
        values = {name: float(scores[name].loc[dimension.name, "r2"]) for name in shown}
        points = [(model_words(name).sees, name == audio, value) for name, value in values.items()]
        rows.append({
            "group": dimension.group if dimension.group != group else None,
            "low": dimension.low_pole, "high": dimension.high_pole,
            "chart": charts.score_row(axis, ticks, None if np.isnan(network["ceiling_r2"]) else network["ceiling_r2"],
                                      points,
                                      (network["r2_low"], network["r2_high"])),
            "values": [number(values[name]) for name in reversed(shown)],
            "ceiling": number(network["ceiling_r2"]),
            "half_width": f"±{number(held.loc[dimension.name, 'half_width'])}" if len(held) else "–",
            "held": percent(held.loc[dimension.name, "coverage_of_groups"]) if len(held) else "–",
        })  # fmt: skip
        group = dimension.group
    columns = [(model_words(name).label, model_words(name).sees, name == audio) for name in reversed(shown)]
    legend = [(charts.mark(sees, "8", 8, hollow), label) for label, sees, hollow in columns]
    return {"rows": rows, "columns": columns, "legend": legend, "ticks": charts.tick_row(axis, ticks),
            "has_intervals": bool(len(held)), "coverage": percent(inputs.params.evaluate.coverage),
            "held": percent(held["coverage_of_groups"].mean()) if len(held) else "–",
            "held_of_clips": percent(held["coverage"].mean()) if len(held) else "–"}  # fmt: skip


def instruments(inputs: Inputs) -> list[dict]:
    """The main network on every piano: taught on it, not taught on it, and what that costs."""
    return [
        {
            "network": model_words(model).label, "instrument": instrument,
            "taught": number(score["r2_taught"]), "untaught": number(score["r2_untaught"]),
            "interval": f"{number(score['r2_untaught_low'])} to {number(score['r2_untaught_high'])}",
            "lost": number(score["lost"], 3), "lost_interval":
            f"{number(score['lost_low'], 3)} to {number(score['lost_high'], 3)}",
        }
        for model, scores in inputs.instruments.items() for instrument, score in scores.items()
    ]  # fmt: skip


def limits(inputs: Inputs) -> dict | None:
    """What limits the main network: taught by fewer clips and by all, by shuffled ratings; and its raters' scatter."""
    checks, disagreement = dict(inputs.limits["checks"]), inputs.limits["disagreement"]
    shuffled = checks.pop("shuffled", None)
    if not checks and not shuffled and not disagreement:
        return None
    axis, ticks = score_axis([score["r2_low"] for score in checks.values()])
    sees = model_words(inputs.network).sees
    most = max((score["num_clips"] for score in checks.values()), default=0)
    taught = [
        {
            "num_clips": f"{score['num_clips']:,.0f}", "share": percent(score["num_clips"] / most),
            "r2": number(score["r2"], 3), "interval": f"{number(score['r2_low'])} to {number(score['r2_high'])}",
            "chart": charts.score_row(axis, ticks, inputs.ceiling, [(sees, False, score["r2"])],
                                      (score["r2_low"], score["r2_high"])),
        }
        for score in sorted(checks.values(), key=lambda score: score["num_clips"])
    ]  # fmt: skip
    return {
        "taught": taught, "ticks": charts.tick_row(axis, ticks),
        "shuffled": shuffled and f"{number(shuffled['r2'], 3)} ({number(shuffled['r2_low'])} to "
        f"{number(shuffled['r2_high'])})",
        "disagreement": disagreement and {
            "error": number(disagreement["squared_error"], 4), "scatter": number(disagreement["scatter"], 4),
            "share": percent(disagreement["scatter"] / disagreement["squared_error"]),
            "pearson": number(disagreement["pearson"]),
        },
    }  # fmt: skip


def probes(inputs: Inputs) -> dict | None:
    """A row a dimension, a column a way of playing: how far it moves the rating, in hundredths of the scale."""
    if inputs.probes.empty:
        return None
    by_cell = inputs.probes.set_index(["dimension", "probe"])
    names, wrong, rows = list(dict.fromkeys(inputs.probes["probe"])), [], []
    for dimension in inputs.targets.rated:
        cells = []
        for name in names:
            cell = by_cell.loc[dimension.name, name]
            if cell["expected"] * cell["effect"] < 0:
                wrong.append(f"{dimension.low_pole} – {dimension.high_pole} ({PROBES[name].says})")
            cells.append({
                "text": hundredths(cell["effect"], 0), "is_clear": cell["low"] * cell["high"] > 0,
                "expected": bool(cell["expected"]),
                "interval": f"{hundredths(cell['low'], 1)} to {hundredths(cell['high'], 1)}",
            })  # fmt: skip
        rows.append({"low": dimension.low_pole, "high": dimension.high_pole, "cells": cells})
    return {"columns": [PROBES[name].says for name in names], "rows": rows, "wrong": wrong}


def hundredths(value: float, digits: int) -> str:
    """A change with its sign, none for nothing."""
    rounded = round(100 * value, digits)
    return f"{rounded:+.{digits}f}".replace("-", "−") if rounded else "0"


def scatters(inputs: Inputs) -> dict:
    """Predicted against rated: all dimensions together, and each of them."""
    points = inputs.predicted
    small = []
    for dimension in inputs.targets.rated:
        own = points[points["dimension"] == dimension.name]
        label = f"{dimension.label}: predicted against rated for {len(own)} clips"
        small.append(
            {"dimension": dimension, "chart": charts.scatter(own["rated"], own["predicted"], label, 2)}
        )
    label = f"Predicted against rated, {len(points)} ratings of all dimensions"
    pooled = charts.scatter(points["rated"], points["predicted"], label, 2.5)
    spread = points["predicted"].std() / points["rated"].std()
    return {"pooled": pooled, "small": small, "num_points": len(points), "spread": number(spread)}


def learning_curves(inputs: Inputs) -> list[dict]:
    """One chart a fold, grouped by network, the main one first, and protocol of `split`, all on the same axes."""
    split = [protocol_name(spec) for spec in inputs.params.split_of(inputs.corpus)]
    curves = inputs.curves[inputs.curves["protocol"].isin(split)]  # all have those
    losses = pd.concat([curves["train_loss"], curves["validation_loss"]])
    loss_range, last_epoch = (float(losses.min()), float(losses.max())), int(curves["epoch"].max())
    titles = {protocol_name(spec): protocol_words(spec).title for spec in inputs.specs}
    networks = []
    for model, row in inputs.params.finetune.models.items():
        protocols = []
        for protocol, own in curves[curves["model"] == model].groupby("protocol", sort=False):
            folds = [_fold(curve, fold, row.frozen, last_epoch, loss_range) for fold, curve in own.groupby("fold")]
            protocols.append({"title": titles.get(protocol, protocol), "folds": folds})
        words = model_words(model)
        networks.append({"label": words.label, "says": words.says, "frozen": row.frozen, "protocols": protocols})
    return networks


def _fold(curve: pd.DataFrame, fold: int, frozen: bool, last_epoch: int, loss_range: tuple[float, float]) -> dict:
    curve = curve.sort_values("epoch").reset_index(drop=True)
    # See stage finetune: nothing is stopped early that learns on top of a frozen encoder.
    kept = len(curve) - 1 if frozen else int(curve["validation_loss"].idxmin())
    loss, epoch = curve["validation_loss"][kept], curve["epoch"][kept]
    says = f"{'last' if frozen else 'lowest'} validation loss {loss:.3g} in epoch {epoch}"
    chart = charts.learning_curve(
        list(curve["epoch"]), list(curve["train_loss"]), list(curve["validation_loss"]), kept, last_epoch, loss_range,
        f"Loss by epoch, fold {fold}: {says}",
    )  # fmt: skip
    return {"fold": fold, "chart": chart, "says": says}


def error_correlation(inputs: Inputs) -> dict:
    """Lower triangle of the correlation between the models' errors, as table rows of (text, shade 0-10)."""
    found = {(row.model_a, row.model_b): row.correlation for row in inputs.error_correlation.itertuples()}
    present = {name for pair in found for name in pair}
    names = [name for name in MODELS if name in present]
    rows = []
    for index, name in enumerate(names):
        values = [found.get((name, other), found.get((other, name), math.nan)) for other in names[:index]]
        shades = [0 if math.isnan(value) else round(10 * min(max(value, 0.0), 1.0)) for value in values]
        rows.append(
            {"label": model_words(name).label, "cells": list(zip(map(number, values), shades, strict=True))}
        )
    return {"columns": [row["label"] for row in rows[:-1]], "rows": rows[1:]}
