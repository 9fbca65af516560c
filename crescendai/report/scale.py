"""Where the middle of the rating scale is."""

# PercePiano's answers are 1 to 7, divided by 7: ratings lie between 1/7 and 1, so that 4, the answer in the middle of
# the seven, is not at a half.
NEUTRAL = 4 / 7
DIVIDED_BY_7 = ("percepiano", "demo")  # the ratings of other corpora are stretched, from 0 to 1


def middle(corpus: str) -> float:
    """The rating that the answer in the middle of a corpus' scale became."""
    return NEUTRAL if corpus in DIVIDED_BY_7 else 0.5
