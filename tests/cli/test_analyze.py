"""`crescendai analyze`: every recording that can be rated is, and the others are a line each."""

import csv
import json
import os
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from crescendai.api.contracts import BatchReport, RatedDimension
from crescendai.cli import main
from crescendai.cli.outputs import check_places, write_documents
from crescendai.cli.table import ASCII, UNICODE, _bar, print_results
from crescendai.dimensions import DIMENSIONS
from crescendai.errors import CrescendaiError
from tests.recordings import encoded, playing
from tests.shipped_models import small_shipped


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_shipped(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def test_a_folder_with_a_broken_file(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    music = tmp_path / "music" / "deep"
    music.mkdir(parents=True)
    (music / "=one<b>.wav").write_bytes(encoded(playing(2.0)))
    (music / "two.FLAC").write_bytes(encoded(playing(20.0), "FLAC"))
    (music / "broken.mp3").write_bytes(b"no music")
    (music / "notes.txt").write_text("not looked at")
    files = [tmp_path / name for name in ("o.json", "o.csv", "o.html")]
    words = ["analyze", str(tmp_path / "music"), "--model", str(model)]
    with pytest.raises(SystemExit) as stopped:
        main([*words, "--json", str(files[0]), "--csv", str(files[1]), "--html", str(files[2])])
    assert stopped.value.code == 1
    said = capsys.readouterr()
    assert said.err.count("failed: ") == 1 and "broken.mp3" in said.err
    assert "two.FLAC" in said.out and "convincing" in said.out
    report = BatchReport.model_validate_json(files[0].read_text())
    assert len(report.results) == 2 and [of.code for of in report.failures] == ["unsupported_format"]
    rows = list(csv.DictReader(files[1].open()))
    assert len(rows) == 2 and abs(float(rows[1]["pedal_amount"]) - report.results[1].ratings.pedal_amount) < 1e-6
    page = files[2].read_text()
    assert "one&lt;b&gt;" in page and "src=" not in page and "http" not in page
    assert all(of.high_pole in page for of in DIMENSIONS)
    HTMLParser().feed(page)


def test_json_on_stdout_is_json_alone(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "one.wav").write_bytes(encoded(playing(2.0)))
    main(["analyze", str(tmp_path / "one.wav"), "--model", str(model), "--json", "-"])
    assert len(json.loads(capsys.readouterr().out)["results"]) == 1


def test_a_file_named_in_other_bytes_than_utf8_is_rated(model: Path, tmp_path: Path):
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")
    Path(odd).write_bytes(encoded(playing(2.0)))
    outputs = [tmp_path / name for name in ("o.json", "o.csv", "o.html")]
    main(["analyze", odd, "--model", str(model), *(f"--{path.suffix[1:]}={path}" for path in outputs)])
    assert all("caf\N{REPLACEMENT CHARACTER}.wav" in path.read_text(encoding="utf-8") for path in outputs)


def test_one_document_that_fails_loses_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    places = [tmp_path / name for name in ("a.json", "b.csv", "c.html")]
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda old, new: replace(old, new if new != places[1] else tmp_path))
    with pytest.raises(CrescendaiError, match=r"b\.csv: expected to write it"):
        write_documents(dict.fromkeys(places, "text"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "c.html"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["analyze", "{empty}"], "expected recordings"),
        (["analyze", "{wav}", "--model", "{empty}"], "expected a model's manifest"),
        (["analyze", "{wav}", "--json", "-", "--html", "-"], "expected a place for each, found stdout twice"),
        (["analyze", "{wav}", "--csv", "{empty}"], "expected a file to write, found a folder"),
        (["analyze", "{wav}", "--json", "{wav}/o.json"], "expected a place to write a file, found"),
        (["analyze", "{wav}", "--model", "{empty}/nowhere"], "expected a model's folder, or a model without suffix"),
        (["serve", "--model", "{empty}/nowhere"], "expected a model's folder, or a model without suffix"),
        (["models", "card", "--model", "{empty}"], "expected a model card"),
        (["export"], "expected --onnx FILE or --jax FILE"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], says: str, tmp_path: Path):
    empty, wav = tmp_path / "empty", tmp_path / "a.wav"
    empty.mkdir()
    wav.write_bytes(encoded(playing(2.0)))
    with pytest.raises(SystemExit) as stopped:
        main([word.format(empty=empty, wav=wav) for word in words])
    assert says in str(stopped.value) and "\n" not in str(stopped.value)


def test_the_model_says_what_it_is(model: Path, capsys: pytest.CaptureFixture):
    for word, says in (("list", "small  1.2"), ("card", "# Small"), ("verify", "as its manifest says")):
        main(["models", word, "--model", str(model)])
        assert says in capsys.readouterr().out


def test_the_table_fits_a_terminal_of_80_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    dimensions = [
        RatedDimension(
            name=of.name, percepiano_key=of.percepiano_key, group=of.group, low_pole=of.low_pole,
            high_pole=of.high_pole, rating=0.5, lower=0.25, upper=0.75,
        )
        for of in DIMENSIONS
    ]  # fmt: skip
    result = SimpleNamespace(
        source="a.wav", coverage=0.9, warnings=[], dimensions=dimensions,
        processing=SimpleNamespace(
            duration_s=12.0, processing_s=1.0, model=SimpleNamespace(name="small", version="1.2")
        ),
    )  # fmt: skip
    print_results([result])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("0.25 – 0.75" in line for line in lines) == len(DIMENSIONS)


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as aside:
        read = aside.submit(pipe.read_text)
        check_places({"--json": pipe})
        write_documents({pipe: "text"})
        assert read.result(10) == "text" and pipe.is_fifo()


def test_bars_are_drawn_with_what_the_terminal_has():
    at_zero = SimpleNamespace(lower=0.0, rating=0.5, upper=0.99)
    assert _bar(at_zero, UNICODE).plain == "━" * 7 + "●" + "━" * 6
    assert _bar(at_zero, ASCII).plain == "=" * 7 + "o" + "=" * 6
