"""How takes of the same music are told apart: against plain loops, and where the answer is known."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from crescendai.evaluation.predictions import ProtocolPredictions
from crescendai.evaluation.takes import listener_order, pairs_of, score_takes

NAMES = ("loud", "wet")
EXCERPTS = np.repeat([f"excerpt{i}" for i in range(6)], 5)


def block(rated: np.ndarray, *predicted: np.ndarray, fold: np.ndarray | None = None) -> ProtocolPredictions:
    number = np.unique(EXCERPTS, return_inverse=True)[1]
    return ProtocolPredictions(
        clip_ids=[f"clip{i:02}" for i in range(len(rated))], fold=number % 2 if fold is None else fold,
        resampled=np.char.add("passage", (number // 2).astype(str)), excerpt=EXCERPTS, names=NAMES, rated=rated,
        models=[f"model{i}" for i in range(len(predicted))], predicted=np.stack(predicted), told={},
    )  # fmt: skip


def scores(*args, **kwargs) -> dict[str, dict[str, float]]:
    return score_takes(block(*args, **kwargs), 200, 0.95, 1)


@pytest.fixture
def rated() -> np.ndarray:
    rng = np.random.default_rng(3)
    music = rng.normal(0.5, 0.2, (6, 2))[np.unique(EXCERPTS, return_inverse=True)[1]]
    return (music + rng.normal(0, 0.1, music.shape)).round(1)  # rounded: some takes are rated alike


@pytest.fixture
def predicted(rated) -> np.ndarray:
    return rated + np.random.default_rng(4).normal(0, 0.1, rated.shape)


def test_what_a_model_says_of_takes_is_what_plain_loops_find(rated, predicted):
    r, order = [], []
    for k in range(2):
        y, p, right = [], [], []
        for excerpt in np.unique(EXCERPTS):
            own = np.flatnonzero(excerpt == EXCERPTS)
            y += list(rated[own, k] - rated[own, k].mean())
            p += list(predicted[own, k] - predicted[own, k].mean())
            right += [
                (rated[a, k] > rated[b, k]) == (predicted[a, k] > predicted[b, k])
                for a, b in combinations(own, 2) if rated[a, k] != rated[b, k]
            ]  # fmt: skip
        r.append(np.corrcoef(y, p)[0, 1])
        order.append(np.mean(right))
    found = scores(rated, predicted)["model0"]
    assert found["pearson"] == pytest.approx(np.mean(r)) and found["pairs_in_order"] == pytest.approx(np.mean(order))
    assert found["num_pairs"] == 6 * 10
    for name in ("pearson", "pairs_in_order"):
        assert found[f"{name}_low"] < found[name] < found[f"{name}_high"]


def test_the_listeners_mean_itself_is_perfect_and_who_knows_only_the_music_is_at_chance(rated):
    music = pd.DataFrame(rated).groupby(EXCERPTS).transform("mean").to_numpy()
    perfect, blind = scores(rated, rated, music).values()
    assert perfect["pearson"] == pytest.approx(1) and perfect["pairs_in_order"] == 1
    assert blind["pearson"] == pytest.approx(0, abs=1e-6) and blind["pairs_in_order"] == 0.5


def test_telling_pieces_apart_helps_nothing(rated, predicted):
    music = np.random.default_rng(5).normal(0, 5, (6, 2))[np.unique(EXCERPTS, return_inverse=True)[1]]
    found, shifted = scores(rated, predicted, predicted + music).values()
    assert shifted == pytest.approx(found)


def test_upside_down_is_below_chance(rated, predicted):
    found = scores(rated, -predicted)["model0"]
    assert found["pearson"] < -0.4 and found["pairs_in_order"] < 0.4


def test_a_missing_rating_counts_in_nothing(rated, predicted):
    missing = rated.copy()
    missing[7, 1] = np.nan
    other = predicted.copy()
    other[7, 1] = 99.0
    assert scores(missing, other) == scores(missing, predicted)


def test_takes_that_several_networks_rated_are_not_compared(rated, predicted):
    assert scores(rated, predicted, fold=np.arange(30) % 5) == {}


def answers(others: np.ndarray, own: np.ndarray) -> pd.DataFrame:
    """Two listeners who agree, and a third; of one excerpt's takes."""
    clips = [f"clip{i}" for i in range(len(own))]
    tables = [pd.DataFrame({"clip_id": clips, "rater": rater, "loud": given})
              for rater, given in (("a", others), ("b", others), ("c", own))]  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def in_order(ratings: pd.DataFrame) -> float | None:
    return listener_order(ratings, dict.fromkeys(ratings["clip_id"], "excerpt"), ("loud",))


def test_listeners_who_agree_order_all_takes_alike_and_one_who_hears_nothing_half_of_them():
    steps = np.array([1.0, 2, 4, 7]) / 7
    assert in_order(answers(steps, steps)) == 1
    assert in_order(answers(steps, np.full(4, 0.5))) == pytest.approx((6 + 6 + 3) / 18)


def test_a_listener_is_not_among_the_others_and_second_answers_are_no_second_listener():
    steps = np.array([1.0, 2, 4, 7]) / 7
    # The third says the opposite: against the mean of the other two always wrong; each of them against their mean
    # with the third has nothing left to be right about.
    assert in_order(answers(steps, -steps)) == 0
    twice = answers(steps, steps)
    assert in_order(pd.concat([twice, twice[twice["rater"] == "c"]])) == 1


def test_listeners_who_heard_nothing_twice_are_not_asked():
    alone = pd.DataFrame({"clip_id": ["x", "y"], "rater": ["a", "b"], "loud": [0.1, 0.9]})
    assert in_order(alone) is None


def test_pairs_stay_within_their_group():
    pairs = pairs_of(np.array(["b", "a", "b", "c", "b"]))
    assert sorted(zip(pairs.first, pairs.second, strict=True)) == [(0, 2), (0, 4), (2, 4)]
