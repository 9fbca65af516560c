"""Text files: written all, or none."""

import os
from collections.abc import Mapping
from pathlib import Path


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
