"""Puts the report together: one HTML file that needs nothing else, no network and no scripts."""

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from crescendai.datasets.splits import protocol_name
from crescendai.report import charts, sections
from crescendai.report.clips import clip_cards
from crescendai.report.inputs import Inputs
from crescendai.report.pretraining import pretraining
from crescendai.report.provenance import Provenance
from crescendai.report.scale import middle
from crescendai.report.words import CORPORA, headline, model_words, number, percent, protocol_words

FOLDER = Path(__file__).parent
SCORE_RENDERINGS = {"Score", "Score2"}  # PercePiano's "players" that are no pianists


def build_page(inputs: Inputs, provenance: Provenance) -> str:
    """The report as HTML; equal inputs give equal bytes.

    The page may load nothing and run nothing: its content security policy allows pictures and sound
    that stand in the page itself and the one style sheet, named by its checksum.

    Raises:
        DataError: a table lacks what another one refers to.
    """
    css = (FOLDER / "report.css").read_text(encoding="utf-8")
    checksum = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode("ascii")
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    in_order = inputs.agreement.get("single_rater_pairs_in_order")
    return environment.get_template("report.html.j2").render(
        css=Markup(css),
        policy="default-src 'none'; img-src data:; media-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src 'sha256-{checksum}'",
        corpus=inputs.corpus,
        corpus_title=CORPORA[inputs.corpus].title,
        corpus_says=CORPORA[inputs.corpus].says,
        provenance=provenance,
        params=flat_params(inputs),
        confidence=percent(inputs.params.evaluate.confidence),
        one_rater=number(inputs.agreement.get("single_rater_pearson")).strip("–"),
        network=model_words(inputs.network).label.lower(),
        protocol=protocol_words(inputs.main_spec).title.lower(),
        has_ceiling=inputs.ceiling is not None,
        ceiling=number(inputs.ceiling),
        one_rater_in_order="" if in_order is None else percent(in_order),
        ceiling_percent="" if inputs.ceiling is None else percent(inputs.ceiling),
        num_dimensions=len(inputs.targets.rated),
        reads_midi=inputs.best(sections.names_that("midi")) is not None,
        facts=_facts(inputs),
        results=sections.results(inputs),
        dimensions=sections.dimensions(inputs),
        instruments=sections.instruments(inputs),
        limits=sections.limits(inputs),
        probes=sections.probes(inputs),
        scatters=sections.scatters(inputs),
        pretraining=pretraining(inputs),
        curves=sections.learning_curves(inputs),
        correlation=sections.error_correlation(inputs),
        clips=clip_cards(inputs),
        middle=number(middle(inputs.corpus)),
        **_headline(inputs),
    )


def _headline(inputs: Inputs) -> dict:
    scores = inputs.metrics[protocol_name(inputs.main_spec)]
    audio = inputs.best(sections.names_that("audio"))
    midi = inputs.best(sections.names_that("midi"))
    best = [("audio", scores[audio]["r2"], f"sound {number(scores[audio]['r2'])}")]
    if midi is not None:
        best.append(("midi", scores[midi]["r2"], f"MIDI {number(scores[midi]['r2'])}"))
    return {
        "headline": headline(
            inputs.corpus,
            inputs.main_spec,
            audio,
            scores[audio],
            inputs.ceiling,
            inputs.params.evaluate.confidence,
        ),
        "hairpin": charts.hairpin(inputs.ceiling, best),
        "num_audio_rows": sum(name in sections.names_that("audio") for name in scores),
    }


def _facts(inputs: Inputs) -> list[tuple[str, str, str]]:
    """Number, unit and remark of what the corpus holds."""
    clips, durations = inputs.clips, inputs.durations
    once = durations.drop_duplicates("clip_id")["duration_s"].sum()
    instruments = list(dict.fromkeys(durations["instrument"]))
    length = (f"{once / 3600:.1f}", "hours") if once >= 3600 else (f"{once / 60:.0f}", "minutes")
    renderings = len(SCORE_RENDERINGS & set(clips["player"]))
    players = f"{renderings} of them score renderings" if renderings else ""
    words, raters = CORPORA[inputs.corpus], clips["n_raters"]
    return [
        (f"{len(clips):,}", "clips", f"of {clips['passage'].nunique()} {words.passages}"),
        (str(clips["player"].nunique()), words.players, players),
        (*length, f"of music, on {' and '.join(instruments)}"),
        # Where every clip has one rating, who gave it is not known.
        *([(f"{raters.mean():.1f}", "raters a clip", f"{raters.min()} to {raters.max()}")] if raters.max() > 1 else []),
    ]


def flat_params(inputs: Inputs) -> list[tuple[str, str]]:
    """The run's parameters as ``a.b.c`` and text, without those of the other corpus."""
    values = inputs.params.model_dump()
    values["scale"] = {inputs.corpus: values["scale"][inputs.corpus]}
    return [
        (key, ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
        for key, value in flatten(values).items()
        if key != "corpus"
    ]


def flatten(values: dict, prefix: str = "") -> dict[str, object]:
    """``{"a": {"b": 1}}`` as ``{"a.b": 1}``; lists stay as they are."""
    flat: dict[str, object] = {}
    for key, value in values.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
