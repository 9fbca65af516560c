"""A checkpoint comes back to the last bit, and what a kill leaves half done does no harm."""

import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crescendai.errors import CrescendaiError
from crescendai.training.optimizer import make_optimizer
from crescendai.training.resume import Resume
from crescendai.training.state import TrainState, new_state

KEY = {"lr": 1e-3, "inputs": {"clips": "md5"}}


def state(seed: int = 0, width: int = 8) -> TrainState:
    rng = np.random.default_rng(seed)
    params = {"layer": {"kernel": rng.normal(size=(40, width)).astype(np.float32), "bias": np.zeros(3, np.float32)}}
    return new_state(params, make_optimizer(0.1))


def with_three(folder: Path) -> Resume:
    """A run that has saved steps 10, 20 and 30."""
    resume = Resume(folder, KEY)
    for step in (10, 20, 30):
        resume.save(step, state(step), {"epoch": step // 10})
    resume.latest(state())  # waits for the last save
    return resume


def assert_same(found, expected) -> None:
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    assert jax.tree.structure(found) == jax.tree.structure(expected)


def test_the_newest_comes_back_to_the_last_bit(tmp_path):
    with_three(tmp_path)
    resume = Resume(tmp_path, KEY)
    step, tree, extra = resume.latest(state())
    assert (step, extra) == (30, {"epoch": 3})
    assert_same(tree, state(30))
    assert type(tree) is TrainState and tree.params["layer"]["kernel"].sharding == state().step.sharding


def test_two_are_kept_and_none_when_finished(tmp_path):
    resume = with_three(tmp_path)
    assert sorted(path.name for path in resume.folder.iterdir()) == ["20", "20.json", "30", "30.json"]
    resume.finished()
    assert not resume.folder.exists()
    assert Resume(tmp_path, KEY).latest(state()) is None


def test_a_run_with_another_key_starts_anew(tmp_path):
    resume = with_three(tmp_path)
    assert Resume(tmp_path, KEY | {"lr": 2e-3}).latest(state()) is None
    assert Resume(tmp_path, dict(reversed(KEY.items()))).folder == resume.folder


def test_all_kinds_of_arrays_and_numbers(tmp_path):
    tree = {
        "bfloat16": jnp.arange(3, dtype=jnp.bfloat16), "bool": jnp.array([True, False]), "nothing": None,
        "numpy": np.array([1.5, np.nan, np.inf], np.float32), "list": [np.int32(3), (jnp.ones(()),)],
        "empty": {}, "denormal": np.array([1e-45, -0.0], np.float32),
    }  # fmt: skip
    extra = {"losses": [0.1, 1 / 3, 1e-300], "best": float("inf"), "nested": {"name": "ü"}}
    with Resume(tmp_path, KEY) as resume:
        resume.save(7, tree, extra)
    step, found, kept = Resume(tmp_path, KEY).latest(tree) or pytest.fail("nothing found")
    assert (step, kept) == (7, extra)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(np.asarray(a), np.asarray(b)), found, tree)
    assert isinstance(found["numpy"], np.ndarray) and np.signbit(found["denormal"][1])
    assert all(a.dtype == b.dtype for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(tree), strict=True))


def test_training_may_go_on_while_a_checkpoint_is_written(tmp_path):
    step = jax.jit(lambda state: jax.tree.map(lambda leaf: leaf + 1, state), donate_argnums=0)
    resume, now, extra = Resume(tmp_path, KEY), state(width=2000), {"curve": [1]}
    resume.save(1, now, extra)
    for _ in range(20):
        now = step(now)
    extra["curve"].append(2)
    _, tree, kept = resume.latest(now)
    assert_same(tree, state(width=2000))
    assert kept == {"curve": [1]}


def test_an_error_after_a_save_does_not_lose_it(tmp_path, capfd):
    with pytest.raises(ZeroDivisionError), Resume(tmp_path, KEY) as resume:
        resume.save(1, state(width=2000), {})
        _ = 1 / 0
    assert Resume(tmp_path, KEY).latest(state(width=2000))[0] == 1
    assert capfd.readouterr().err == ""


def test_a_step_can_be_saved_again(tmp_path):
    resume = with_three(tmp_path)
    resume.save(30, state(31), {})
    step, tree, extra = resume.latest(state())
    assert (step, extra) == (30, {})
    assert_same(tree, state(31))


@pytest.mark.parametrize("harm", ["delete", "cut", "flip"])
def test_the_one_before_is_taken_if_any_file_is_damaged(tmp_path, capfd, harm: str):
    sound = with_three(tmp_path / "sound").folder
    for number, file in enumerate(path for path in sound.glob("30*/**/*") if path.is_file()):
        copy = tmp_path / str(number) / sound.name
        shutil.copytree(sound, copy)
        damage(copy / file.relative_to(sound), harm)
        resume = Resume(copy.parent, KEY)
        step, tree, _ = resume.latest(state())
        assert step == 20, file
        assert_same(tree, state(20))
        notes = capfd.readouterr().err.splitlines()
        assert len(notes) == 1 and f"{copy}/30: damaged checkpoint, taking the one before" in notes[0]
        resume.save(30, state(31), {})  # and the run comes by again
        assert_same(resume.latest(state())[1], state(31))


def damage(file: Path, harm: str) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    if harm == "flip":
        file.write_bytes(content)
    elif harm == "cut":
        file.write_bytes(content[: len(content) // 2])
    else:
        file.unlink()


@pytest.mark.parametrize("harm", ["cut", "flip"])
def test_a_damaged_record_counts_as_a_damaged_checkpoint(tmp_path, capfd, harm: str):
    damage(with_three(tmp_path).folder / "30.json", harm)
    assert Resume(tmp_path, KEY).latest(state())[0] == 20
    assert capfd.readouterr().err.count("damaged checkpoint") == 1


def test_nothing_sound_is_nothing(tmp_path, capfd):
    resume = with_three(tmp_path)
    for file in resume.folder.glob("*.json"):
        file.write_text("{")
    assert resume.latest(state()) is None
    assert capfd.readouterr().err.count("\n") == 2


def test_what_a_kill_left_half_written_is_swept_away(tmp_path):
    resume = with_three(tmp_path)
    for left in ("40", "40.orbax-checkpoint-tmp", "40.orbax-checkpoint-tmp-123"):
        (resume.folder / left).mkdir()
        (resume.folder / left / "array").write_text("half")
    (resume.folder / "40.part").write_text("{")
    again = Resume(tmp_path, KEY)
    assert sorted(path.name for path in again.folder.iterdir()) == ["20", "20.json", "30", "30.json"]
    assert again.latest(state())[0] == 30


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    resume = with_three(tmp_path)
    with pytest.raises(CrescendaiError, match=r"30: expected .*layer/kernel as .*\[40, 9\].*delete .* anew"):
        resume.latest(state(width=9))
    with pytest.raises(CrescendaiError, match=r"expected averaged_params/layer/bias as None, found"):
        resume.latest({"step": np.int32(0)})
    assert resume.latest(state())[0] == 30  # it is not damaged and stays


def test_what_json_cannot_hold_is_refused_at_once(tmp_path):
    with pytest.raises(TypeError, match="not JSON serializable"):
        Resume(tmp_path, KEY).save(1, state(), {"array": np.zeros(3)})


def test_a_checkpoint_says_what_it_is_of(tmp_path):
    record = json.loads((with_three(tmp_path).folder / "30.json").read_text())
    assert record["key"] == KEY and record["arrays"]["params/layer/kernel"] == ["float32", [40, 8]]
