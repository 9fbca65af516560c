"""What the service runs on at Modal, and the file in which whoever deploys keeps the settings."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from crescendai.api.settings import read_settings
from crescendai.errors import ParamsError

APP, MODELS = "crescendai", "crescendai-models"  # at Modal: the app, and the volume with models that were put there
PREFIX = "CRESCENDAI_MODAL_"
HEADING = "# Settings of the service and its deployment; README_DEPLOYMENT.md lists them."


@dataclass(frozen=True)
class ModalSettings:
    """One environment variable a setting, ``CRESCENDAI_MODAL_`` and the field's name in capitals.

    gpu: as Modal names it, such as ``T4`` or ``L4``; none by default, the model is small.
    cpu: cores. memory_mib: what a container gets; each decoder may take ``CRESCENDAI_DECODING_MEMORY_BYTES`` of it.
    min_containers: kept running, and paid for, without requests. max_containers: never more.
    scaledown_window_s: an idle container is kept so long. startup_timeout_s: loading and compiling may take so long.
    model: folder in the volume; the package's own model by default.
    """

    gpu: str = ""
    cpu: float = 2.0
    memory_mib: int = 4096
    min_containers: int = 0
    max_containers: int = 4
    scaledown_window_s: int = 300
    startup_timeout_s: int = 600
    model: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Reads the environment.

        Raises:
            ParamsError: a value that is no number where one is due, or out of range.
        """
        settings = read_settings(cls, PREFIX, environment)
        if settings.min_containers > settings.max_containers:
            raise ParamsError(
                f"{PREFIX}MIN_CONTAINERS: expected at most {PREFIX}MAX_CONTAINERS, {settings.max_containers}, "
                f"found {settings.min_containers}; correct one of them"
            )
        return settings


def read_env_file(file: Path) -> dict[str, str]:
    """``NAME=VALUE`` lines, as `docker run --env-file` takes them; empty lines and ``#`` lines say nothing.

    Raises:
        ParamsError: another line, no text, or a file that cannot be read.
    """
    return {name: line.partition("=")[2] for name, line in _named_lines(file) if name}


def change_env_file(file: Path, changes: Mapping[str, str]) -> None:
    """Sets variables in such a file, made if there is none; its other lines stay as they are, comments too.

    Afterwards its owner alone can read it: it may hold a key.

    Raises:
        ParamsError: as `read_env_file`.
    """
    before = _named_lines(file) if file.is_file() else [("", HEADING)]
    lines = [f"{name}={changes[name]}" if name in changes else line for name, line in before]
    lines += [f"{name}={changes[name]}" for name in sorted(changes.keys() - dict(before).keys())]
    partial = file.with_name(file.name + ".part")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        opened.writelines(line + "\n" for line in lines)
    os.replace(partial, file)


def _named_lines(file: Path) -> list[tuple[str, str]]:
    """Each line with the name that it sets, which is empty where it says nothing."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ParamsError(f"{file}: expected lines NAME=VALUE in UTF-8, found other bytes; write it again") from None
    except OSError as error:
        raise ParamsError(
            f"{file}: expected a file that can be read, found {error.strerror}; correct its permissions"
        ) from None
    found = []
    for number, line in enumerate(lines, start=1):
        name, equals, _ = line.partition("=")
        if not line.strip() or line.startswith("#"):
            name = ""
        elif not equals or not name.isidentifier():
            first = next(iter(name.split()), "")  # and no more: what follows may be a key
            raise ParamsError(f"{file}, line {number}: expected NAME=VALUE, found {first!r}…; correct it")
        found.append((name, line))
    return found
