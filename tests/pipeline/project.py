"""A copy of the project as it stands in the working tree, in a git repository of its own."""

import shutil
import subprocess
from pathlib import Path

from tests.pipeline.imports import PROJECT


def copy_project(folder: Path) -> None:
    """Copies what git tracks or would track, uncommitted changes included, and starts a repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=folder, check=True)
