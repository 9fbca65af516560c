"""The Dockerfile's steps without Docker: in a folder that stands for the image's root, as this user."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[2]
ROOT_ONLY = ("useradd", "install --directory")  # need the image's users


class Step(NamedTuple):
    """An instruction of a Dockerfile, its lines joined."""

    instruction: str
    rest: str


def steps(text: str) -> list[Step]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [Step(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def stages(text: str) -> list[list[Step]]:
    """Instructions of each stage, with its FROM."""
    found: list[list[Step]] = []
    for step in steps(text):
        if step.instruction == "FROM":
            found.append([])
        found[-1].append(step)
    return found


def sent_files(project: Path) -> Iterator[Path]:
    """What .dockerignore lets through of the files that git knows, relative; the last rule that fits decides."""
    rules = [line for line in (project / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=project, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        ignored = False
        for rule in rules:
            pattern = rule.removeprefix("!")
            if _fits(name, pattern):
                ignored = not rule.startswith("!")
        if not ignored:
            yield Path(name)


def build(root: Path, project: Path = PROJECT) -> dict[str, str]:
    """Runs all steps but those of ``ROOT_ONLY`` below ``root``; the environment that the image would run with."""
    variables: dict[str, str] = {}
    for stage in stages((project / "Dockerfile").read_text()):
        variables, folder = {"PATH": os.environ["PATH"]}, root
        for instruction, rest in stage:
            if instruction == "WORKDIR":
                folder = root / rest.lstrip("/")
                folder.mkdir(parents=True, exist_ok=True)
            elif instruction == "ENV":
                for assignment in shlex.split(rest):
                    name, _, value = assignment.partition("=")
                    variables[name] = moved(value, root).replace("$PATH", variables["PATH"])
            elif instruction == "COPY" and not rest.startswith("--from"):
                *sources, target = rest.split()
                _copy(project, sources, folder / target)
            elif instruction == "RUN" and not any(word in rest for word in ROOT_ONLY):
                # Compiling all bytecode ahead takes minutes here, and changes nothing but the first start.
                environment = {**os.environ, **variables, "UV_COMPILE_BYTECODE": "0"}
                subprocess.run(["bash", "-euo", "pipefail", "-c", moved(rest, root)], cwd=folder, env=environment,
                               check=True)  # fmt: skip
    return variables


def moved(text: str, root: Path) -> str:
    """The image's folders, below ``root``."""
    return re.sub(r"(?<![\w.])/(?=(opt|var|build)\b)", f"{root}/", text)


def _copy(project: Path, sources: list[str], target: Path) -> None:
    for file in sent_files(project):
        for source in sources:
            if source not in (str(file), *map(str, file.parents)) or source == ".":
                continue
            inside = file.relative_to(source) if str(file) != source else Path(file.name)
            placed = target / inside
            placed.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(project / file, placed)


def _fits(name: str, pattern: str) -> bool:
    """As Docker matches, for the patterns in use: a rule for a folder is one for all in it."""
    parts = name.split("/")
    ahead = ["/".join(parts[: i + 1]) for i in range(len(parts))]
    if pattern.startswith("**/"):
        return any(fnmatch(part, pattern[3:]) for part in parts)
    return any(path.count("/") == pattern.count("/") and fnmatch(path, pattern) for path in ahead)
