"""Results as text: rounded and in a stable order, so that equal results are equal files."""

import json
from collections.abc import Mapping

import pandas as pd

DIGITS = 4


def json_text(value: object) -> str:
    """JSON with floats rounded to four digits and sorted keys, so that equal results are equal files.

    Raises:
        ValueError: a float is NaN or infinite, which JSON does not know.
    """
    return json.dumps(_rounded(value), indent=2, sort_keys=True, allow_nan=False) + "\n"


def csv_text(frame: pd.DataFrame) -> str:
    """CSV with floats rounded to four digits."""
    rounded = frame.round(DIGITS)
    numbers = rounded.select_dtypes("float").columns
    rounded[numbers] = rounded[numbers] + 0.0  # no -0.0, which would come and go with rounding
    return rounded.to_csv(index=False, lineterminator="\n")


def _rounded(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    return round(float(value), DIGITS) + 0.0 if isinstance(value, float) else value
