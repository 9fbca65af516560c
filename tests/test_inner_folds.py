"""Comparing settings on inner folds: variants are checked as params.yaml is, and no outer fold is looked at."""

from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import ValidationError

from benchmarks.inner_folds import changed, inner_parts
from crescendai.datasets.splits import NO_FOLD
from crescendai.errors import ParamsError
from crescendai.params import load_params


def test_a_variant_changes_what_it_names_and_nothing_else():
    params = load_params()
    variant = changed(params, "demo", "descriptor_dropout=0.3,lr=1e-4,frozen_epochs=7")
    assert (variant.finetune.descriptor_dropout, variant.lr, variant.scale.demo.finetune.frozen_epochs) == (
        0.3,
        1e-4,
        7,
    )
    assert changed(variant, "demo", f"lr={params.lr},descriptor_dropout={params.finetune.descriptor_dropout},"
                   f"frozen_epochs={params.scale.demo.finetune.frozen_epochs}") == params  # fmt: skip


def test_a_variant_may_change_one_value_of_a_section():
    shares = load_params().finetune.kernel_shares
    changed_shares = changed(load_params(), "demo", "kernel_shares.harmony=0.7").finetune.kernel_shares
    assert changed_shares == shares.model_copy(update={"harmony": 0.7})


@pytest.mark.parametrize("text", ["nonsense=3", "lr", "lr=", "", "lr.x=1", "kernel_shares.x=1"])
def test_what_is_no_setting_is_refused(text):
    with pytest.raises(ParamsError, match="expected key=value"):
        changed(load_params(), "demo", text)


def test_a_value_out_of_range_is_refused():
    with pytest.raises(ValidationError, match="head_dropout"):
        changed(load_params(), "demo", "head_dropout=2")


@pytest.mark.parametrize("num_groups", [3, 12])
def test_inner_parts_keep_groups_together_and_leave_the_outer_fold_alone(num_groups):
    group = np.array([str(clip % (2 * num_groups)) for clip in range(20 * num_groups)])
    fold = np.array([int(name) % 2 for name in group])
    fold[group == "0"] = NO_FOLD
    corpus = SimpleNamespace(fold=fold, group=group, movement=np.full(len(group), "one"))
    for number, (learning, kept) in enumerate(inner_parts(corpus)):
        used = np.concatenate([learning, kept])
        assert set(fold[used]) == {1 - number} and len(np.unique(used)) == len(used) == (fold == 1 - number).sum()
        assert len(kept) and not set(group[learning]) & set(group[kept])
