"""The transformer: shapes, masks, counts, heads."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crescendai.dimensions import NUM_DIMENSIONS
from crescendai.errors import ParamsError
from crescendai.models.ast import AudioSpectrogramTransformer, count_parameters
from crescendai.models.backbone import draw_patches
from crescendai.models.checkpoint import parameter_shapes
from crescendai.models.heads import TASKS, in_rating_units, masked_mean, masked_std, task_columns
from tests.models.networks import applied, clips, small, weights

TOLERANCE = 1e-5
POOLINGS = ("mean", "statistics", "tokens")


def ratings(model, params, x, lengths, **how):
    return applied(model, {"params": params}, x, jnp.array(lengths), **how).ratings


def count(model) -> int:
    return sum(int(np.prod(shape)) for shape in parameter_shapes(model).values())


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("length", [4, 5, 17, 39])
def test_padded_scores_as_alone(length: int, pooling: str):
    model, (clip,) = small(pooling=pooling), clips([length])
    params = weights(model)
    alone = applied(model, {"params": params}, clip[None]).ratings
    padded = np.full((1, 40, 16), 99.0, np.float32)  # garbage that must not be heard
    padded[0, :length] = clip
    np.testing.assert_allclose(ratings(model, params, padded, [length]), alone, atol=TOLERANCE)


@pytest.mark.parametrize("strides", [{}, {"stride_frames": 3, "stride_mels": 5}])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_batched_scores_as_single(pooling: str, strides: dict):
    model, lengths = small(pooling=pooling, **strides), [40, 7, 23, 1]
    params = weights(model)
    batch = np.zeros((4, 40, 16), np.float32)
    for row, clip in enumerate(clips(lengths)):
        batch[row, : len(clip)] = clip
    together = ratings(model, params, batch, lengths)
    for row, length in enumerate(lengths):
        single = ratings(model, params, batch[row : row + 1], [length])
        np.testing.assert_allclose(together[row], single[0], atol=TOLERANCE)
    assert np.std(together, axis=0).min() > 1e-3  # the clips do differ


def test_level_is_heard():
    model, (clip,) = small(), clips([40])
    soft, loud = (ratings(model, weights(model), clip[None] + shift, [40]) for shift in (0, 1))
    assert np.abs(soft - loud).max() > 1e-2


def test_gradients_are_finite_and_nothing_flows_from_padding():
    model, (clip,) = small(pooling="statistics"), clips([40])
    gradient = jax.jit(jax.grad(lambda x: ratings(model, weights(model), x, [12]).sum()))(clip[None])
    assert np.isfinite(gradient).all()
    assert np.abs(gradient[0, :12]).min() > 0 and np.abs(gradient[0, 12:]).max() == 0


@pytest.mark.parametrize("head", ["linear", "grouped"])
def test_a_fresh_model_predicts_the_mean(head: str):
    model = small(head=head, num_outputs=NUM_DIMENSIONS)
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 40, 16)))["params"]
    assert not np.any(ratings(model, params, clips([40])[0][None], [40]))


@pytest.mark.parametrize("how", [{"dropout": 0.5}, {"stochastic_depth": 0.5}, {"patchout": 0.5}])
def test_what_is_random_in_training_needs_its_key_and_is_off_otherwise(how: dict):
    model, (clip,) = small(**how), clips([40])
    params = weights(model)

    def trained(key: int) -> np.ndarray:
        keys = dict(zip(("dropout", "patchout"), jax.random.split(jax.random.key(key)), strict=True))
        batch = np.repeat(clip[None], 8, axis=0)
        return ratings(model, params, batch, [40] * 8, deterministic=False, rngs=keys)

    first, again, other = (trained(key) for key in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
    np.testing.assert_array_equal(
        ratings(model, params, clip[None], [40]), ratings(small(), params, clip[None], [40])
    )


def test_patchout_keeps_the_share_and_always_the_first():
    kept = draw_patches(jax.random.key(0), (50, 20), 0.7)
    assert kept.shape == (50, 6) and (np.diff(kept, axis=1) > 0).all() and (kept[:, 0] == 0).all()
    assert len(np.unique(kept)) == 20  # each of them now and then


def test_attention_is_a_distribution_over_what_sounds():
    model = small(pooling="tokens")
    batch = np.stack(clips([40, 40]))
    attention = applied(
        model, {"params": weights(model)}, batch, jnp.array([40, 12]), return_attention=True
    ).attention
    assert attention.shape == (2, 2, 3, 22, 22)  # 10 times 2 patches and two tokens
    np.testing.assert_allclose(attention.sum(axis=-1), 1.0, atol=1e-5)
    assert not attention[:, 1, :, :, 2 + 6 :].any()  # three stretches of time, two heights


def test_what_was_pooled_before_gives_the_same_ratings():
    model, params = small(), weights(small())
    heard = applied(model, {"params": params}, np.stack(clips([40, 40])))
    again = model.apply({"params": {"head": params["head"]}}, None, pooled=heard.pooled)
    np.testing.assert_allclose(again.ratings, heard.ratings, atol=TOLERANCE)


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"patch_mels": 16, "stride_mels": 16}, {"depth": 5, "width": 48}, {"mlp_ratio": 2}, {"max_frames": 43},
        {"num_outputs": 19}, {"pooling": "tokens"}, {"pooling": "statistics"}, {"stride_frames": 3},
        {"variance": True},
    ],
)  # fmt: skip
def test_parameter_count_is_the_formula(changes: dict):
    assert count_parameters(small(**changes)) == count(small(**changes))


def test_presets_have_the_published_sizes():
    # SSAST, table 1: 6M, 23M and 89M with AudioSet's head and its longer table of positions.
    millions = {name: count(AudioSpectrogramTransformer.from_preset(name)) / 1e6 for name in ("tiny", "small", "base")}
    assert millions["base"] == pytest.approx(86, rel=0.01)
    assert millions["small"] == pytest.approx(21.6, rel=0.01) and millions["tiny"] == pytest.approx(5.5, rel=0.01)
    with pytest.raises(ParamsError, match="expected one of tiny, small, base, found 'huge'"):
        AudioSpectrogramTransformer.from_preset("huge")


def test_impossible_settings_are_refused():
    with pytest.raises(ParamsError, match="num_heads: expected a divisor of the width 24, found 5"):
        parameter_shapes(small(num_heads=5))
    with pytest.raises(ParamsError, match="at most 10 patches in time, found 11"):
        small().apply({"params": weights(small())}, jnp.zeros((1, 44, 16)))
    with pytest.raises(ParamsError, match="19 outputs for the grouped head, found 5"):
        parameter_shapes(small(head="grouped"))
    with pytest.raises(ParamsError, match="patch_mels: expected at most the 16 mel bands, found 17"):
        parameter_shapes(small(patch_mels=17))


@pytest.mark.parametrize("head", ["linear", "grouped"])
def test_head_in_rating_units_restores_the_scale(head: str):
    model, (clip,) = small(head=head, num_outputs=NUM_DIMENSIONS), clips([40])
    params = weights(model)
    mean, std = jnp.linspace(0.3, 0.7, NUM_DIMENSIONS), jnp.linspace(0.1, 0.2, NUM_DIMENSIONS)
    standardised = ratings(model, params, clip[None], [40])
    rated = in_rating_units(params, mean, std)
    np.testing.assert_allclose(
        ratings(model, rated, clip[None], [40]), standardised * std + mean, atol=TOLERANCE
    )


def test_predicted_variance_is_in_rating_units_too():
    model, (clip,) = small(variance=True), clips([40])
    params, std = weights(model), np.linspace(0.1, 0.2, 5)
    before, after = (
        applied(model, {"params": p}, clip[None]).log_variance
        for p in (params, in_rating_units(params, np.zeros(5), std))
    )
    np.testing.assert_allclose(np.exp(after), np.exp(before) * std**2, rtol=1e-4)


def test_every_dimension_has_one_task_and_reads_no_other():
    assert sorted(np.concatenate(task_columns())) == list(range(NUM_DIMENSIONS)) and len(TASKS) == 4
    model, (clip,) = small(head="grouped", num_outputs=NUM_DIMENSIONS), clips([40])
    params = weights(model)
    changed = params | {"head": params["head"] | {"task_1": jax.tree.map(lambda x: x + 1, params["head"]["task_1"])}}
    moved = np.abs(ratings(model, changed, clip[None], [40]) - ratings(model, params, clip[None], [40]))[0] > 1e-4
    assert set(np.flatnonzero(moved)) == set(task_columns()[1])


def test_masked_statistics_hear_only_the_mask():
    x, mask = jnp.array([[[1.0], [3.0], [jnp.inf]]]), jnp.array([[True, True, False]])
    assert masked_mean(x, mask) == 2.0 and masked_std(x, mask) == pytest.approx(1.0, abs=1e-5)
