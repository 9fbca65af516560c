"""Sound files are found, and another file than the known one is refused."""

from pathlib import Path

import pytest

from crescendai.audio.instruments import INSTRUMENTS
from crescendai.datasets import pianos
from crescendai.errors import DataError


def test_the_default_piano_is_always_there() -> None:
    assert pianos.sound_file("timgm").stat().st_size > 1_000_000


@pytest.mark.mirror
@pytest.mark.parametrize("name", [name for name, i in INSTRUMENTS.items() if i.engine == "sfizz"])
def test_sampled_pianos_come_verified(name: str) -> None:
    assert pianos.sound_file(name).suffix == ".sfz"


def test_a_missing_or_other_soundfont_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pianos, "FLUIDR3", tmp_path / "font.sf2")
    with pytest.raises(DataError, match="found none; install Debian"):
        pianos.sound_file("fluidr3")
    (tmp_path / "font.sf2").write_bytes(b"another")
    with pytest.raises(DataError, match="expected sha256"):
        pianos.sound_file("fluidr3")
