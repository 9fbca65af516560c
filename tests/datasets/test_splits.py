"""Folds keep groups whole, are balanced, and a leak is refused by name."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crescendai.datasets.splits import (
    NO_FOLD,
    TRAINING,
    assign_folds,
    check_no_leak,
    deal_groups,
    groups_of,
    protocol_name,
    shared_passages,
)
from crescendai.errors import DataError, LeakError, ParamsError


def corpus() -> pd.DataFrame:
    """3 movements × 4 passages × 5 players; passages m0_0 and m0_1 share music."""
    rows = [
        {"clip_id": f"m{m}_{s}_{p}", "movement": f"m{m}", "player": f"p{p}", "excerpt": f"m{m}_{s}",
         "piece": f"m{m}", "segment": str(s), "passage": "m0_0" if (m, s) == (0, 1) else f"m{m}_{s}"}
        for m in range(3) for s in range(4) for p in range(5)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@given(st.lists(st.integers(0, 15), min_size=30, max_size=200), st.integers(2, 5), st.integers(0, 99))
def test_groups_stay_whole(groups: list[int], n_folds: int, seed: int) -> None:
    groups = [str(group) for group in [*groups, *range(16)]]
    folds = deal_groups(groups, n_folds, seed)
    assert set(folds) == set(range(n_folds))
    check_no_leak(groups, groups, folds, "any")


def test_folds_are_balanced_in_all_and_in_every_stratum() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(80), 10)
    strata = np.repeat(rng.integers(0, 3, 80), 10)
    folds = deal_groups(groups.astype(str), 4, seed=1, strata=strata.astype(str))
    assert np.ptp(np.bincount(folds)) <= 10
    for stratum in range(3):
        assert np.ptp(np.bincount(folds[strata == stratum], minlength=4)) <= 10


def test_the_same_seed_deals_the_same_and_row_order_does_not_matter() -> None:
    clips = corpus()
    first = deal_groups(clips["passage"], 3, seed=5, strata=clips["movement"])
    assert (first == deal_groups(clips["passage"], 3, seed=5, strata=clips["movement"])).all()
    assert (first != deal_groups(clips["passage"], 3, seed=6, strata=clips["movement"])).any()
    shuffled = clips.sample(frac=1, random_state=0)
    again = pd.Series(deal_groups(shuffled["passage"], 3, seed=5, strata=shuffled["movement"]), shuffled.index)
    assert (again.sort_index().to_numpy() == first).all()


@pytest.mark.parametrize("spec", ["composition", "passage", "performer", "movement", "random"])
def test_every_protocol_keeps_its_own_group_whole(spec: str) -> None:
    clips = corpus()
    folds = assign_folds(clips, spec, 3, seed=1)
    assert folds["clip_id"].tolist() == clips["clip_id"].tolist()
    assert folds.groupby(groups_of(clips, spec).to_numpy())["fold"].nunique().max() == 1
    if spec == "movement":
        assert folds["fold"].nunique() == 3


def test_shared_music_is_one_group_of_the_passage_protocol() -> None:
    clips = corpus()
    folds = assign_folds(clips, "passage", 4, seed=1)
    assert shared_passages(clips, folds) == []
    both = folds[folds["clip_id"].str.startswith(("m0_0", "m0_1"))]
    assert both["fold"].nunique() == 1


def test_shared_music_on_both_sides_is_named_where_a_protocol_allows_it() -> None:
    clips = corpus()
    folds = assign_folds(clips, "random", 4, seed=1)
    assert "m0_0" in shared_passages(clips, folds)


def test_a_leak_is_refused_with_the_names() -> None:
    with pytest.raises(LeakError, match=r"waltz in folds 0, 1 \(e\.g\. clip_a\)"):
        check_no_leak(["clip_a", "clip_b", "clip_c"], ["waltz", "waltz", "march"], [0, 1, 1], "composition")


def test_clips_of_no_fold_do_not_leak() -> None:
    check_no_leak(["a", "b"], ["waltz", "waltz"], [0, NO_FOLD], "composition")


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(DataError, match="at least 4 groups, found 2"):
        deal_groups(["a", "b", "a"], 4, seed=0)


def published(tmp_path: Path, folds: dict[str, list[str]]) -> str:
    (tmp_path / "theirs.json").write_text(json.dumps(folds))
    return f"file:{tmp_path / 'theirs.json'}"


def test_published_folds_are_taken_as_published(tmp_path: Path) -> None:
    clips = corpus()
    by_excerpt = {excerpt: own["clip_id"].tolist() for excerpt, own in clips.groupby("excerpt")}
    parts = np.array_split(sorted(by_excerpt), 3)
    names = ["fold_0", "fold_1", "test"]
    folds = {name: [c for e in part for c in by_excerpt[e]] for name, part in zip(names, parts, strict=True)}
    table = assign_folds(clips, published(tmp_path, folds), 4, seed=0)
    assert set(table["protocol"]) == {"theirs"}
    assert set(table.loc[table["fold"] == NO_FOLD, "clip_id"]) == set(folds["test"])
    assert set(table.loc[table["fold"] == 1, "clip_id"]) == set(folds["fold_1"])


def test_a_published_test_part_is_one_fold_taught_by_all_others(tmp_path: Path) -> None:
    clips = corpus()
    excerpts = sorted(clips["excerpt"].unique())
    of = {"test": excerpts[:2], "fold_0": excerpts[2:4], "fold_1": excerpts[4:]}
    folds = {name: clips.loc[clips["excerpt"].isin(own), "clip_id"].tolist() for name, own in of.items()}
    spec = published(tmp_path, folds).replace("file:", "test:")
    table = assign_folds(clips, spec, 4, seed=0)
    assert set(table["protocol"]) == {"theirs_test"}
    assert set(table.loc[table["fold"] == 0, "clip_id"]) == set(folds["test"])
    assert set(table.loc[table["fold"] != 0, "fold"]) == {TRAINING}
    folds["fold_0"] += folds.pop("test")
    with pytest.raises(DataError, match="expected a part test, found fold_0, fold_1"):
        assign_folds(clips, published(tmp_path, folds).replace("file:", "test:"), 4, seed=0)


def test_folds_dealt_again_keep_the_same_groups_in_other_folds() -> None:
    clips = corpus()
    first, again = (assign_folds(clips, spec, 4, seed=0) for spec in ("passage", "again:passage"))
    assert set(again["protocol"]) == {"passage_again"} and (first["group"] == again["group"]).all()
    assert (first["fold"] != again["fold"]).any()


def test_published_folds_that_split_an_excerpt_are_refused(tmp_path: Path) -> None:
    clips = corpus()
    folds = {"fold_0": clips["clip_id"][::2].tolist(), "fold_1": clips["clip_id"][1::2].tolist()}
    with pytest.raises(LeakError, match="m0_0 in folds 0, 1"):
        assign_folds(clips, published(tmp_path, folds), 4, seed=0)


def test_published_folds_of_another_corpus_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 unknown"):
        assign_folds(corpus(), published(tmp_path, {"fold_0": ["nobody"]}), 4, seed=0)
    with pytest.raises(DataError, match="not found"):
        assign_folds(corpus(), f"file:{tmp_path / 'none.json'}", 4, seed=0)


def test_protocol_names() -> None:
    assert protocol_name("file:some/folder/dhiman2026.json") == "dhiman2026"
    assert protocol_name("test:some/folder/dhiman2026.json") == "dhiman2026_test"
    for wrong in ("composer", "again:movement", "test:nowhere"):
        with pytest.raises(ParamsError, match=f"found '{wrong}'"):
            protocol_name(wrong)
