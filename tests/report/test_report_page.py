import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from crescendai.datasets.tables import read_table
from crescendai.dimensions import DIMENSIONS, NAMES
from crescendai.errors import DataError
from crescendai.report.clips import best_and_worst
from crescendai.report.inputs import read_inputs
from crescendai.report.page import build_page, flat_params, flatten
from crescendai.report.provenance import collect_provenance
from tests.report.made_run import write_pretraining


@pytest.fixture(scope="module")
def inputs(run_folder, params):
    return read_inputs(run_folder, "demo", params)


@pytest.fixture(scope="module")
def provenance(run_folder):
    return collect_provenance(run_folder, "demo", "2024-11-02")


@pytest.fixture(scope="module")
def page(inputs, provenance) -> str:
    return build_page(inputs, provenance)


def text_of(page: str) -> str:
    """What a reader sees, without markup and style."""
    pieces: list[str] = []
    parser = HTMLParser()
    parser.handle_data = pieces.append
    parser.feed(re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL))
    return re.sub(r"\s+", " ", "".join(pieces))


def test_equal_inputs_give_equal_pages(page, inputs, provenance):
    assert build_page(inputs, provenance) == page


def test_page_refers_to_nothing_outside_and_runs_nothing(page):
    assert set(re.findall(r'(?:src|href)="(#|data:|[^"]*)', page)) == {"#", "data:"}
    assert not re.search(r"<script|\bon\w+=|url\(|@import|style=", page)
    assert "default-src 'none'" in page or "default-src &#39;none&#39;" in page


def test_every_tag_is_closed_and_every_id_is_unique(page):
    void = {"meta", "link", "img", "br"}
    still_open: list[str] = []
    parser = HTMLParser()
    parser.handle_startendtag = lambda tag, attributes: None
    parser.handle_starttag = lambda tag, attributes: still_open.append(tag) if tag not in void else None
    parser.handle_endtag = lambda tag: (
        None if still_open.pop() == tag else pytest.fail(f"</{tag}> out of place")
    )
    parser.feed(page)
    assert still_open == []
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))
    assert set(re.findall(r'aria-labelledby="([^"]+)"', page)) <= set(identifiers)


def test_names_from_the_data_are_escaped(page):
    assert "<& sons>" not in page
    assert "&lt;&amp; sons&gt;" in page


def test_page_holds_every_score_dimension_and_parameter(page, inputs):
    text = text_of(page)
    for models in inputs.metrics.values():
        for score in models.values():
            assert f"{score['r2']:.2f}".replace("-", "−") in text
    for dimension in DIMENSIONS:
        assert f"{dimension.low_pole} – {dimension.high_pole}" in text
    for key, value in flat_params(inputs):
        assert f"{key} {value}" in text


def test_page_says_where_it_comes_from(page, provenance):
    assert provenance.data_sha256 in page
    assert "2024-11-02" in page


def test_uncommitted_changes_are_told(inputs, provenance):
    changed = replace(provenance, revision="f" * 40, changed=("params.yaml",), experiment="stoic-sums")
    text = text_of(build_page(inputs, changed))
    for part in ("f" * 40, "with uncommitted changes in params.yaml", "stoic-sums"):
        assert part in text


def test_random_split_is_marked_as_leaky_and_no_other(page):
    marked = re.findall(r'<h3 id="protocol-(\w+)">[^\n]*leaky, for reference', page)
    assert marked == ["random"]


def test_demo_page_says_that_its_raters_are_made_up(page):
    assert "made by formula" in text_of(page)


def test_the_main_network_is_compared_in_full_and_the_others_folded_away(page):
    shown, folded = re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL), "".join(
        re.findall(r"<details>.*?</details>", page, flags=re.DOTALL)
    )
    for part in ("Hybrid transformer against Hybrid, untrained", "Hybrid transformer against MIDI blend",
                 "Hybrid transformer: new passages"):  # fmt: skip
        assert part in text_of(shown) and part not in text_of(folded)
    for part in ("Hybrid, untrained against MIDI blend", "Hybrid, untrained: new passages"):
        assert part in text_of(folded) and part not in text_of(shown)


def test_a_network_is_no_baseline(page):
    head = re.search(r'class="scores dimensions".*?</thead>', page, flags=re.DOTALL)[0]
    named = "Hybrid transformer", "Audio blend", "MIDI blend", "Hybrid, untrained", "Transformer:"
    assert [label for label in named if label in head] == ["Hybrid transformer", "Audio blend", "MIDI blend"]


def test_takes_of_the_same_music_stand_beside_what_one_listener_does(page):
    (table,) = re.findall(r"<summary>Takes of the same music</summary>.*?</details>", page, flags=re.DOTALL)
    shown = " ".join(text_of(table).split())
    assert "one listener against the others 61 %" in shown
    assert "Hybrid transformer70 %68 % to 71 %0.630.60 to 0.66" in shown.replace(" Hybrid", "Hybrid")


def test_what_limits_the_score_is_told_unless_nobody_knows(page, inputs, provenance):
    for part in ("Would more clips help?", "421 51 %", "0.3140.21 to 0.41", "824 100 %",
                 "0.0020 of 0.0080, 25 %", "r = 0.27", "R² −0.012 (−0.11 to 0.09)"):  # fmt: skip
        assert part in re.sub(r"\s+", " ", text_of(page)), part
    unknown = replace(inputs, limits={"checks": {}, "disagreement": {}})
    assert "What limits it" not in build_page(unknown, provenance)


def test_probes_say_interval_and_expectation_in_words_and_are_bold_where_they_are_clear(inputs, provenance):
    expected = inputs.probes["expected"] != 0
    unclear = inputs.probes.index % 2 == 0
    changed = replace(inputs, probes=inputs.probes.assign(low=np.where(unclear, -0.012, 0.034)))
    page = build_page(changed, provenance)
    table = re.search(r'<table class="heat probes">.*?</table>', page, flags=re.DOTALL)[0]
    assert text_of(table).count("a change was expected") == expected.sum() > 0
    assert text_of(table).count("−1.2 to +7.0") == unclear.sum()
    assert text_of(table).count("+3.4 to +7.0") == table.count("<b>") == (~unclear).sum()
    assert "title=" not in table


def test_clips_are_shown_beside_the_answer_in_the_middle(page):
    charts = re.findall(r'<table role="table" class="ratings".*?</table>', page, flags=re.DOTALL)
    assert set(re.findall(r'<line x1="([^"]*)"[^>]*class="grid"', "".join(charts))) == {"57.14%"}
    assert "the answer in its middle, 0.57" in text_of(page)


def test_curves_are_of_the_protocols_that_all_networks_share(inputs, provenance):
    elsewhere = inputs.curves.query("model == 'hybrid'").assign(protocol="random")
    changed = replace(inputs, curves=pd.concat([inputs.curves, elsewhere]))
    assert build_page(changed, provenance) == build_page(inputs, provenance)


@pytest.mark.parametrize(("kept", "says"), [(True, "last"), (False, "lowest")])
def test_curves_mark_the_epoch_that_is_kept(inputs, provenance, params, kept, says):
    row = params.finetune.models["hybrid"].model_copy(update={"frozen": kept})
    finetune = params.finetune.model_copy(update={"models": {"hybrid": row}})
    changed = replace(inputs, params=params.model_copy(update={"finetune": finetune}))
    curve = inputs.curves.query("model == 'hybrid' and fold == 1").set_index("epoch")["validation_loss"]
    epoch = curve.index[-1] if kept else curve.idxmin()
    assert f"{says} validation loss {curve[epoch]:.3g} in epoch {epoch}" in text_of(build_page(changed, provenance))


def test_transcribing_is_told_with_its_strokes_here_and_on_the_rated_clips(page):
    text = text_of(page)
    for part in ("Writing down what is played", "All five togetherguess: the best constant guess0.4511.000",
                 "held-out musicrated clips", "91.2", "93.2", "In 2 of the 12 rated clips",
                 "Hybrid transformer and Transformer started from its weights"):  # fmt: skip
        assert part in re.sub(r"\s+", " ", text), part
    assert len(re.findall(r"<img [^>]*held-out window", page)) == 9


@pytest.mark.parametrize(("objective", "chance"), [("mspm", True), ("mae", False)])
def test_masked_pretexts_are_told_beside_guesses(own_run, params, provenance, objective, chance):
    write_pretraining(own_run, objective)
    page = build_page(read_inputs(own_run, "demo", params), provenance)
    text = text_of(page)
    assert "0.312" in text and "0.876" in text and "always drawing the mean patch" in text
    assert ("23.4" in text and "2.1" in text and "3.871" in text) is chance  # ln 48
    assert "Strokes heard" not in text
    assert re.search(r"held-out window 1, \d+\u202f% of it hidden, in grey", page)


def test_best_clips_have_the_smallest_error_and_worst_the_largest(inputs):
    rated = inputs.clips.set_index("clip_id")[list(NAMES)]
    errors = (inputs.predictions - rated).abs().mean(axis=1).sort_values()
    shown = best_and_worst(inputs)
    assert [clip for clip, _ in shown] == [*errors.index[:3], *errors.index[::-1][:3]]
    assert [error for _, error in shown] == pytest.approx([*errors[:3], *errors[::-1][:3]])


def test_shared_passages_of_published_folds_are_told(inputs, provenance, params):
    clips = inputs.clips.sort_values("clip_id")
    published = "file:data/demo/folds/study2026.json"
    folds = pd.DataFrame({"protocol": "study2026", "clip_id": clips["clip_id"], "fold": range(len(clips)),
                          "group": clips["clip_id"]})  # fmt: skip
    scale = params.scale.demo.model_copy(update={"protocols": ["passage", published]})
    changed = replace(
        inputs,
        params=params.model_copy(update={"scale": params.scale.model_copy(update={"demo": scale})}),
        folds=pd.concat([inputs.folds, folds]),
        metrics=inputs.metrics | {"study2026": inputs.metrics["random"]},
    )
    text = text_of(build_page(changed, provenance))
    assert "Published folds: study2026" in text
    assert f"{clips['passage'].nunique()} passages are nevertheless on both sides" in text


@pytest.mark.parametrize(
    ("file", "stage"),
    [("plots/demo/comparisons.csv", "evaluate"), ("plots/demo/pretrain.csv", "pretrain"),
     ("metrics/demo-listen.json", "listen"), ("data/demo/pretext.npz", "pretrain")],
)  # fmt: skip
def test_missing_and_damaged_results_are_named(own_run, params, file, stage):
    path = own_run / file
    for spoil in (lambda: path.write_bytes(b""), path.unlink):
        spoil()
        with pytest.raises(DataError, match=f"{path.name}.*stage {stage}"):
            read_inputs(own_run, "demo", params)


def test_network_without_results_is_named(own_run, params):
    path = own_run / "metrics" / "demo.json"
    metrics = json.loads(path.read_text())
    del metrics["passage"]["hybrid"]
    path.write_text(json.dumps(metrics))
    with pytest.raises(DataError, match=r"demo\.json.*hybrid under protocol passage"):
        read_inputs(own_run, "demo", params)


def test_clips_on_several_pianos_are_counted_once(own_run, params, provenance):
    path = own_run / "data" / "demo" / "audio.parquet"
    audio = read_table(path)
    pd.concat([audio, audio.assign(instrument="upright")]).to_parquet(path)
    text = text_of(build_page(read_inputs(own_run, "demo", params), provenance))
    assert f"{audio['duration_s'].sum() / 60:.0f}" in text
    assert "on timgm and upright" in text


def test_flatten_joins_keys_with_dots():
    assert flatten({"a": {"b": {"c": 1}, "d": [2]}, "e": 3}) == {"a.b.c": 1, "a.d": [2], "e": 3}
