"""`crescendai analyze`: every recording that can be rated is, and the others are a line each."""

import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from crescendai.api.contracts import BatchReport
from crescendai.cli import main
from crescendai.dimensions import DIMENSIONS
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


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["analyze", "{empty}"], "expected recordings"),
        (["analyze", "{wav}", "--model", "{empty}"], "expected a model's manifest"),
        (["analyze", "{wav}", "--json", "-", "--csv", "-"], "expected one at most on stdout"),
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
