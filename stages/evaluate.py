"""Scores the out-of-fold predictions of all models against the listeners and their noise ceiling.

    python -m stages.evaluate <corpus>

Reads   data/<corpus>/clips.parquet, targets.json, ratings.parquet, folds.parquet, predictions/baselines.parquet,
        predictions/networks.parquet, whose first network is the main one, predictions/instruments.parquet,
        predictions/checks.parquet
Writes  metrics/<corpus>.json
        metrics/<corpus>-instruments.json: of networks on pianos that they were and were not taught on
        metrics/<corpus>-limits.json: of the main network taught on fewer clips, or on ratings of other clips; and how
        much of its error is the listeners' disagreement
        plots/<corpus>/dimensions.csv, comparisons.csv, predicted.csv, error_correlation.csv,
        dimension_bars.csv, intervals.csv (of the main network: half widths, and the share they hold of all clips,
        and of a group's clips as a mean over groups)

Groups are derived from the clips again; a leak, or predictions that are missing, doubled, NaN or of
another fold, stop the stage before anything is written. Every network is compared with every baseline, and the
main network with the others. A dimension is scored on the clips that it is rated of; classes by how often they are
told apart; takes of one excerpt by whether a model says how they differ (crescendai/evaluation/takes.py). There is
no noise ceiling where there are no single ratings. All results are written together at the end.

Time    a few seconds (PercePiano: 8 protocols, 12 models, 2,000 resamples)
Expect  PercePiano: a noise ceiling of R² 0.75, r 0.87
"""

from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from crescendai.datasets.splits import LEAKY, PLAYERS, all_protocols, protocol_name, shared_passages
from crescendai.datasets.tables import read_table
from crescendai.datasets.targets import read_targets
from crescendai.datasets.texts import write_texts
from crescendai.evaluation.accuracy import score_classes
from crescendai.evaluation.bootstrap import group_bootstrap_r2
from crescendai.evaluation.checks import score_checks
from crescendai.evaluation.disagreement import error_and_scatter
from crescendai.evaluation.instruments import score_instruments
from crescendai.evaluation.intervals import enough_groups, half_widths, out_of_fold_coverage
from crescendai.evaluation.metrics import METRIC_NAMES
from crescendai.evaluation.predictions import (
    ProtocolPredictions,
    check_clips,
    check_folds,
    check_names,
    check_predictions,
    gather,
)
from crescendai.evaluation.reliability import NoiseCeiling, ceiling_where_known
from crescendai.evaluation.results import csv_text, json_text
from crescendai.evaluation.scores import (
    compare_models,
    dimension_bars,
    error_correlation,
    sample_points,
    score_models,
)
from crescendai.evaluation.takes import listener_order, score_takes
from crescendai.params import Params
from stages import run_stage

# Not the megabytes of MIDI and audio.
CLIP_COLUMNS = ["clip_id", "piece", "segment", "movement", "player", "excerpt", "passage"]
MAX_POINTS = 2000  # of predicted.csv: what a scatter plot can show


def main(corpus: str, params: Params) -> None:
    # ---- Parameters -----------------------------------------------------------------------------
    corpus_specs = getattr(params.scale, corpus).protocols
    split = params.split_of(corpus)
    specs = all_protocols(corpus_specs, split)
    shown_protocol = protocol_name(split[0])  # of the plots that have room for one

    # ---- Inputs and their checks ----------------------------------------------------------------
    folder = Path("data") / corpus
    clips_file, folds_file = folder / "clips.parquet", folder / "folds.parquet"
    baselines_file = folder / "predictions/baselines.parquet"
    networks_file = folder / "predictions/networks.parquet"
    targets = read_targets(folder)
    clips = read_table(clips_file, columns=[*CLIP_COLUMNS, *targets.names])
    ratings = read_table(folder / "ratings.parquet")
    folds = read_table(folds_file)
    baselines = read_table(baselines_file)
    networks = read_table(networks_file)
    on_instruments = read_table(folder / "predictions/instruments.parquet")
    checks = read_table(folder / "predictions/checks.parquet")
    check_clips(clips, ratings, targets, str(clips_file))
    check_folds(folds, clips, specs, str(folds_file))
    network_names = list(networks["model"].unique())  # in the order of params.finetune.models
    is_main = networks["model"] == network_names[0]
    for table, required, file in (
        (baselines, corpus_specs, baselines_file),
        (networks[is_main], specs if params.finetune.checks.every_protocol else split, networks_file),
        (networks[~is_main], split if len(network_names) > 1 else [], networks_file),
    ):
        names = [protocol_name(spec) for spec in required]
        check_predictions(table, folds, names, targets.names, str(file))
    check_names(network_names, list(baselines["model"].unique()), str(networks_file))
    predictions = pd.concat([baselines, networks], ignore_index=True)

    # ---- Noise ceiling --------------------------------------------------------------------------
    ceiling = ceiling_where_known(ratings["clip_id"], ratings["rater"], ratings[list(targets.rated_names)].to_numpy())
    metrics = {"ceiling": mean_ceiling(ceiling)}
    in_order = listener_order(ratings, clips.set_index("clip_id")["excerpt"].to_dict(), targets.rated_names)
    if metrics["ceiling"] and in_order is not None:
        metrics["ceiling"]["single_rater_pairs_in_order"] = in_order

    # ---- Scores, protocol by protocol -----------------------------------------------------------
    dimensions, comparisons, intervals, plots = [], [], [], {}
    confidence = params.evaluate.confidence
    for protocol in tqdm([protocol_name(spec) for spec in specs], desc="evaluate", unit="protocol"):
        block = gather(protocol, clips, folds, predictions, targets)
        samples = group_bootstrap_r2(
            block.rated, block.predicted, block.resampled, params.evaluate.bootstrap_samples, params.seed
        )
        metrics[protocol], table = score_models(block, samples, ceiling, confidence)
        resamples = params.evaluate.bootstrap_samples
        for model, told in score_classes(block, resamples, confidence, params.seed).items():
            metrics[protocol][model]["told_apart"] = told
        for model, between in score_takes(block, resamples, confidence, params.seed).items():
            metrics[protocol][model]["takes"] = between
        dimensions.append(table.assign(protocol=protocol))
        intervals.append(intervals_of(block, network_names[0], params.evaluate.coverage).assign(protocol=protocol))
        compared = compare_models(block, samples, network_names, confidence)
        comparisons.append(compared.assign(protocol=protocol))
        if protocol == shown_protocol:
            points = sample_points(block, network_names, MAX_POINTS // len(network_names), params.seed)
            plots["predicted"] = points.assign(protocol=protocol)[
                ["protocol", "model", "clip_id", "dimension", "rated", "predicted"]
            ]
            plots["error_correlation"] = error_correlation(block)
            plots["dimension_bars"] = dimension_bars(table, network_names, ceiling)
            error = block.predicted[block.models.index(network_names[0])] - block.rated
            resampled = pd.Series(block.resampled, block.clip_ids)
            disagreement = error_and_scatter(error, block.clip_ids, ratings, block.names)
    plots["dimensions"] = pd.concat(dimensions)[
        ["protocol", "model", "dimension", "r2", "r2_low", "r2_high", *METRIC_NAMES[1:], "ceiling_r2"]
    ]
    plots["comparisons"] = pd.concat(comparisons)[
        ["protocol", "model", "baseline", "difference_r2", "low", "high", "p", "p_holm"]
    ]
    plots["intervals"] = pd.concat(intervals)[
        ["protocol", "model", "dimension", "half_width", "coverage", "coverage_of_groups"]
    ]
    for protocol, own in plots["intervals"].groupby("protocol"):
        means = own[["half_width", "coverage", "coverage_of_groups"]].mean()
        metrics[protocol][network_names[0]]["intervals"] = {name: float(value) for name, value in means.items()}

    settings = targets.rated_names, params.evaluate.bootstrap_samples, confidence, params.seed
    across = score_instruments(on_instruments, clips, *settings)
    limits = {"checks": score_checks(checks, clips, resampled, *settings), "disagreement": disagreement}

    # ---- Outputs --------------------------------------------------------------------------------
    texts = {Path("plots") / corpus / f"{name}.csv": csv_text(table) for name, table in plots.items()}
    results = {f"{corpus}.json": metrics, f"{corpus}-instruments.json": across, f"{corpus}-limits.json": limits}
    write_texts({Path("metrics") / name: json_text(values) for name, values in results.items()} | texts)
    print(summary(metrics, {protocol_name(spec): note(spec, clips, folds) for spec in specs}))
    for model, instruments in across.items():
        for instrument, row in instruments.items():
            print(f"{model} on {instrument}: R² {row['r2_taught']:.3f}, not taught on it {row['r2_untaught']:.3f}")
    for check, row in limits["checks"].items():
        print(f"{network_names[0]}, check {check}, taught by {row['num_clips']:.0f} clips: R² {row['r2']:.3f}")


def intervals_of(block: ProtocolPredictions, network: str, coverage: float) -> pd.DataFrame:
    """Half width and measured coverage of a network's intervals, by dimension; empty where it has none: a protocol
    that it was not trained on, or that has too few groups."""
    columns = ["model", "dimension", "half_width", "coverage", "coverage_of_groups"]
    if network not in block.models or not enough_groups(block.resampled, block.fold, coverage):
        return pd.DataFrame(columns=columns)
    error = block.predicted[block.models.index(network)] - block.rated
    of_groups, of_clips = out_of_fold_coverage(error, block.resampled, block.fold, coverage)
    return pd.DataFrame({
        "model": network, "dimension": block.names,
        "half_width": half_widths(error, block.resampled, coverage),
        "coverage": of_clips, "coverage_of_groups": of_groups,
    })  # fmt: skip


def mean_ceiling(ceiling: NoiseCeiling) -> dict[str, float]:
    """The noise ceiling averaged over dimensions; empty where one of them has none."""
    if not np.isfinite(ceiling.r2).all():
        return {}
    return {
        "r2": float(ceiling.r2.mean()),
        "pearson": float(ceiling.pearson.mean()),
        "r2_distinct_raters": float(ceiling.r2_distinct_raters.mean()),
        "single_rater_pearson": float(ceiling.single_rater_pearson.mean()),
    }


def note(spec: str, clips: pd.DataFrame, folds: pd.DataFrame) -> str:
    """What a reader must know before believing a protocol's scores."""
    if spec in LEAKY:
        return " (leaky, for reference)"
    protocol = protocol_name(spec)
    shared = shared_passages(clips, folds[folds["protocol"] == protocol])
    # Where whole passages are not what is kept apart (players), all are shared, and on purpose.
    return f" ({len(shared)} passages on both sides)" if shared and protocol not in PLAYERS else ""


def summary(metrics: dict[str, dict], notes: dict[str, str]) -> str:
    """The metrics as a table to read, the best model of a protocol first."""
    top = metrics["ceiling"]
    lines = [
        f"noise ceiling: R² {top['r2']:.3f}, r {top['pearson']:.3f} "
        f"(R² {top['r2_distinct_raters']:.3f} counting distinct raters only); "
        f"one rater against the others: r {top['single_rater_pearson']:.3f}"
        if top
        else "noise ceiling: unknown, for want of several raters a clip"
    ]
    for protocol, text in notes.items():
        lines += [
            "",
            protocol + text,
            f"  {'model':<16}{'R²':>7}{'interval':>18}{'of ceiling':>12}"
            f"{'R² folds':>10}{'r':>7}{'rho':>7}{'CCC':>7}{'MAE':>7}{'takes r':>9}{'pairs':>7}",
        ]
        for model, row in sorted(metrics[protocol].items(), key=lambda item: -item[1]["r2"]):
            interval = f"{row['r2_low']:.3f} … {row['r2_high']:.3f}"
            share = f"{round(row['ceiling_fraction'], 2) + 0.0:.0%}" if "ceiling_fraction" in row else ""  # no -0 %
            within = f"{row['r2_folds']:.3f}" if "r2_folds" in row else ""
            told = "".join(f"  {what} {score['accuracy']:.0%}" for what, score in row.get("told_apart", {}).items())
            takes = row.get("takes")
            between = f"{takes['pearson']:>9.3f}{takes['pairs_in_order']:>7.0%}" if takes else " " * 16
            lines.append(
                f"  {model:<16}{row['r2']:>7.3f}{interval:>18}{share:>12}{within:>10}{row['pearson']:>7.3f}"
                f"{row['spearman']:>7.3f}{row['ccc']:>7.3f}{row['mae']:>7.3f}{between}{told}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    run_stage(main, __doc__)
