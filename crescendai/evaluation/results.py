"""Results as text: rounded, in a stable order, and written all or none."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

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


def write_texts(texts: Mapping[Path, str]) -> None:
    """Writes all files next to their places, then moves them there: a crash leaves the old ones."""
    partial = {path: path.with_name(path.name + ".part") for path in texts}
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial[path].write_text(text, encoding="utf-8", newline="\n")
    except OSError:
        for part in partial.values():
            part.unlink(missing_ok=True)
        raise
    for path, part in partial.items():
        os.replace(part, path)


def _rounded(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    return round(float(value), DIGITS) + 0.0 if isinstance(value, float) else value
