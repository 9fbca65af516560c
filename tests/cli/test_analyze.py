"""`crescendai analyze`: every recording that can be rated is, and the others are a line each."""

import csv
import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from crescendai.api.contracts import BatchReport
from crescendai.cli import main
from crescendai.dimensions import DIMENSIONS
from crescendai.errors import DataError
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
    report = BatchReport.model_validate_json(files[0].read_text(encoding="utf-8"))
    assert len(report.results) == 2 and [of.code for of in report.failures] == ["unsupported_format"]
    rows = list(csv.DictReader(files[1].open(encoding="utf-8")))
    assert len(rows) == 2 and abs(float(rows[1]["pedal_amount"]) - report.results[1].ratings.pedal_amount) < 1e-6
    page = files[2].read_text(encoding="utf-8")
    assert "one&lt;b&gt;" in page and "src=" not in page and "http" not in page
    assert all(of.high_pole in page for of in DIMENSIONS)
    ElementTree.fromstring(page)


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


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["analyze", "{empty}"], "expected recordings"),
        (["analyze", "{wav}", "--model", "{empty}"], "expected a model's manifest"),
        (["analyze", "{wav}", "--json", "-", "--html", "-"], "expected a place for each, found stdout twice"),
        (["analyze", "{wav}", "--json", "{wav}"], "expected a document's place, found a recording's"),
        (["analyze", "{wav}", "--csv", "{empty}"], "expected a file to write, found a folder"),
        (["analyze", "{wav}", "--json", "{wav}/o.json"], "expected a place to write a file, found"),
        (["analyze", "{wav}", "--model", "{empty}/nowhere"], "expected a model's folder, or a model without suffix"),
        (["serve", "--model", "{empty}/nowhere"], "expected a model's folder, or a model without suffix"),
        (["models", "card", "--model", "{empty}"], "expected a model card"),
        (["export"], "expected --onnx FILE or --jax FILE"),
        (["export", "--onnx", "{wav}"], "expected a document's place, found a recording's"),
        (["export", "--onnx", "{empty}/m", "--jax", "{empty}/x/../m"], "expected a place for each"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], says: str, tmp_path: Path):
    empty, wav = tmp_path / "empty", tmp_path / "a.wav"
    empty.mkdir()
    wav.write_bytes(encoded(playing(2.0)))
    with pytest.raises(SystemExit) as stopped:
        main([word.format(empty=empty, wav=wav) for word in words])
    assert says in str(stopped.value) and "\n" not in str(stopped.value)


def test_a_traceback_is_there_for_who_asks(tmp_path: Path):
    for words in (["--debug", "analyze"], ["analyze", "--debug"]):
        with pytest.raises(DataError, match="expected recordings"):
            main([*words, str(tmp_path)])


def test_what_a_shell_makes_of_a_pattern_costs_no_recording(tmp_path: Path):
    takes = [tmp_path / name for name in ("a.wav", "b.wav")]
    for take in takes:
        take.write_bytes(encoded(playing(2.0)))
    before = takes[0].read_bytes()
    with pytest.raises(SystemExit, match="found a recording's"):
        main(["analyze", "--json", *map(str, takes)])
    assert takes[0].read_bytes() == before and len(list(tmp_path.iterdir())) == 2


def test_no_name_of_a_file_reaches_a_terminal_as_a_command(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    name = "\x1b]0;owned\x07\x1b[2J"
    (tmp_path / f"{name}.wav").write_bytes(encoded(playing(2.0)))
    (tmp_path / f"{name}.mp3").write_bytes(b"no music")
    empty = tmp_path / name
    empty.mkdir()
    with pytest.raises(SystemExit) as stopped:
        main(["analyze", str(tmp_path), "--model", str(model)])
    said = capsys.readouterr()
    assert stopped.value.code == 1 and "owned" in said.out and "owned" in said.err
    with pytest.raises(SystemExit) as stopped:
        main(["analyze", str(empty), "--model", str(model)])
    assert "owned" in str(stopped.value)
    assert not {"\x1b", "\x07"} & set(said.out + said.err + str(stopped.value))


def test_the_model_says_what_it_is(model: Path, capsys: pytest.CaptureFixture):
    for word, says in (("list", "small  1.2"), ("card", "# Small"), ("verify", "as its manifest says")):
        main(["models", word, "--model", str(model)])
        assert says in capsys.readouterr().out
