"""params.yaml: every key known, every value in range, and read as DVC writes it."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from crescendai.errors import ParamsError
from crescendai.params import load_params

FILE = Path(__file__).parents[1] / "params.yaml"


@pytest.fixture
def changed(tmp_path: Path):
    """Writes params.yaml with one line replaced, and gives its path."""

    def change(old: str, new: str) -> Path:
        text = FILE.read_text()
        assert text.count(old) == 1, f"{old!r} is not a unique line of params.yaml"
        path = tmp_path / "params.yaml"
        path.write_text(text.replace(old, new))
        return path

    return change


def line_of(key: str) -> str:
    return next(line for line in FILE.read_text().splitlines() if line.strip().startswith(f"{key}:"))


def test_the_committed_file_is_valid() -> None:
    assert load_params(FILE).lr > 0


def test_a_rate_as_dvc_writes_it_is_a_number(changed) -> None:
    # `dvc exp run -S lr=1e-5` writes 1e-05, which YAML 1.1 reads as text.
    assert load_params(changed(line_of("lr"), "lr: 1e-05")).lr == 1e-5


def test_a_bare_word_is_a_list_of_one(changed) -> None:
    assert load_params(changed(line_of("split"), "split: performer")).split == ["performer"]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (line_of("lr"), "lr: -1", "lr"),
        (line_of("lr"), "lr: fast", "lr"),
        (line_of("lr"), "lr: '1e-3'", "lr"),
        (line_of("lr"), "learning_rate: 0.001", "learning_rate"),
        (line_of("corpus"), "corpus: maestro", "corpus"),
        (line_of("seed"), "seed: 1.5", "seed"),
        (line_of("trees"), "  trees: 0", "baselines.trees"),
        (line_of("confidence"), "  confidence: 95", "evaluate.confidence"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_its_key(changed, old: str, new: str, named: str) -> None:
    with pytest.raises(ParamsError, match=named.replace(".", r"\.")):
        load_params(changed(old, new))


def test_every_piano_of_pretraining_meets_every_share_of_the_pedal(changed) -> None:
    with pytest.raises(ParamsError, match=r"pretraining: .*without a common divisor.* found 5 and 5"):
        load_params(changed("pedal_shares: [1.0, 1.0, 0.6, 0.0]", "pedal_shares: [1.0, 1.0, 0.6, 0.0, 0.0]"))


def test_all_problems_are_named_at_once(changed) -> None:
    path = changed(line_of("lr"), "lr: -1\nunknown: 3")
    with pytest.raises(ParamsError, match=r"lr.*unknown|unknown.*lr"):
        load_params(path)


def test_a_missing_or_broken_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="not found"):
        load_params(tmp_path / "params.yaml")
    broken = tmp_path / "params.yaml"
    broken.write_text("corpus: [demo")
    with pytest.raises(ParamsError, match="expected YAML"):
        load_params(broken)


def test_dvc_and_the_project_read_the_same_values() -> None:
    # DVC tells stages apart by the values it reads; they must be ours.
    raw = YAML(typ="safe", pure=True).load(FILE.read_text())
    assert load_params(FILE).model_dump() == raw | {"split": load_params(FILE).split}
