"""The one place of the 19 dimensions."""

from crescendai.dimensions import DIMENSIONS, NAMES, NUM_DIMENSIONS


def test_nineteen_distinct_dimensions() -> None:
    assert NUM_DIMENSIONS == len(set(NAMES)) == len({d.percepiano_key for d in DIMENSIONS}) == 19


def test_every_percepiano_key_names_both_poles() -> None:
    for dimension in DIMENSIONS:
        key = dimension.percepiano_key.lower().replace("_", " ")
        for pole in (dimension.low_pole, dimension.high_pole):
            assert all(word.strip(",") in key for word in pole.split()), dimension


def test_sophistication_stands_before_dynamic_range() -> None:
    # A later public project moved it to the end and so mislabelled ten columns.
    assert NAMES.index("dynamic_sophistication") == 9
    assert NAMES[-1] == "interpretation"
