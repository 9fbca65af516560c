"""The command line: weights go in and out unchanged, and a mistake is one line."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from crescendai.cli import main
from crescendai.models.checkpoint import load_model

PUBLISHED = Path(__file__).parent / "parity" / "golden" / "ast"


def test_import_then_export_is_the_identity(tmp_path: Path, capsys: pytest.CaptureFixture):
    main(["weights", "import", str(PUBLISHED), str(tmp_path / "own")])
    assert "blocks of width" in capsys.readouterr().out
    main(["weights", "export", str(tmp_path / "own.safetensors"), str(tmp_path / "theirs")])
    before, after = (load_file(folder / "model.safetensors") for folder in (PUBLISHED, tmp_path / "theirs"))
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], strict=True)


def test_another_length_cuts_the_positions(tmp_path: Path):
    main(["weights", "import", str(PUBLISHED), str(tmp_path / "whole")])
    whole = load_model(tmp_path / "whole")
    frames = whole.network.config.max_frames - whole.network.config.stride_frames
    main(["weights", "import", str(PUBLISHED), str(tmp_path / "short"), "--max-frames", str(frames)])
    short = load_model(tmp_path / "short")
    assert short.network.config.max_time_patches == whole.network.config.max_time_patches - 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["weights", "import", "nowhere", "own"], "nowhere"),
        (["weights", "export", "nowhere", "theirs"], "expected a trained model"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert says in str(stopped.value) and "\n" not in str(stopped.value)
    assert not list(tmp_path.iterdir())


def test_an_existing_model_is_not_overwritten(tmp_path: Path):
    main(["weights", "import", str(PUBLISHED), str(tmp_path / "own")])
    before = (tmp_path / "own.safetensors").read_bytes()
    with pytest.raises(SystemExit, match="found one"):
        main(["weights", "import", str(PUBLISHED), str(tmp_path / "own")])
    assert (tmp_path / "own.safetensors").read_bytes() == before


def test_help_answers_without_loading_jax():
    program = "import sys\nfrom crescendai.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
    program += "assert 'jax' not in sys.modules and 'numpy' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "weights" in done.stdout
