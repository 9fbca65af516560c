import json

import pandas as pd
import pytest

from crescendai.datasets.texts import write_texts
from crescendai.evaluation.results import csv_text, json_text


def test_floats_are_rounded_and_minus_zero_is_zero():
    frame = pd.DataFrame({"name": ["a", "b"], "x": [0.123456, -0.00001], "n": [1, 2]})
    assert csv_text(frame) == "name,x,n\na,0.1235,1\nb,0.0,2\n"
    assert json.loads(json_text({"b": -0.00001, "a": {"c": 0.123456}})) == {"a": {"c": 0.1235}, "b": 0.0}


def test_text_does_not_depend_on_the_order_of_keys():
    assert json_text({"b": 1.0, "a": 2.0}) == json_text({"a": 2.0, "b": 1.0})


def test_nan_is_no_result():
    with pytest.raises(ValueError):
        json_text({"r2": float("nan")})


def test_a_write_that_fails_leaves_all_old_files(tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b" / "c.csv"
    first.write_text("old")
    (tmp_path / "b").write_text("a file where a folder is needed")
    with pytest.raises(OSError):
        write_texts({first: "new", second: "new"})
    assert first.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b"]
