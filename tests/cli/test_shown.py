"""What a file is called is shown, and not obeyed."""

import pytest

from crescendai.cli.shown import MARK, shown


@pytest.mark.parametrize("sign", ["\x1b", "\x07", "\n", "\x7f", "\x9b", "\u202e", "\u200b", "\udce9"])
def test_what_a_terminal_would_obey_becomes_a_mark(sign: str):
    assert shown(f"a{sign}b.wav") == f"a{MARK}b.wav"


def test_letters_of_any_script_stay():
    assert shown("Études (Дебюсси) 練習曲 №1.wav") == "Études (Дебюсси) 練習曲 №1.wav"
