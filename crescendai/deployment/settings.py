"""What the service runs on at Modal, and the file in which whoever deploys keeps the settings."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from crescendai.errors import ParamsError

PREFIX = "CRESCENDAI_MODAL_"


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
        found = {}
        for field in fields(cls):
            variable = PREFIX + field.name.upper()
            if variable not in environment:
                continue
            try:
                found[field.name] = field.type(environment[variable])
                least = 0 if field.name == "min_containers" else 1e-3
                if field.type is not str and not found[field.name] >= least:
                    raise ValueError
            except ValueError:
                raise ParamsError(
                    f"{variable}: expected a positive number, found {environment[variable]!r}; correct it"
                ) from None
        settings = cls(**found)
        if settings.min_containers > settings.max_containers:
            raise ParamsError(
                f"{PREFIX}MIN_CONTAINERS: expected at most {PREFIX}MAX_CONTAINERS, {settings.max_containers}, "
                f"found {settings.min_containers}; correct one of them"
            )
        return settings


def read_env_file(file: Path) -> dict[str, str]:
    """``NAME=VALUE`` lines, as `docker run --env-file` takes them; empty lines and ``#`` lines say nothing.

    Raises:
        ParamsError: another line, or no text.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ParamsError(f"{file}: expected lines NAME=VALUE in UTF-8, found other bytes; write it again") from None
    found = {}
    for number, line in enumerate(lines, start=1):
        name, equals, value = line.partition("=")
        if not line.strip() or line.startswith("#"):
            continue
        if not equals or not name.isidentifier():
            first = next(iter(name.split()), "")  # and no more: what follows may be a key
            raise ParamsError(f"{file}, line {number}: expected NAME=VALUE, found {first!r}…; correct it")
        found[name] = value
    return found


def write_env_file(file: Path, variables: Mapping[str, str]) -> None:
    """Writes such a file, readable by its owner alone: it may hold a key."""
    partial = file.with_name(file.name + ".part")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write("# Settings of the service and its deployment; README_DEPLOYMENT.md lists them.\n")
        opened.writelines(f"{name}={value}\n" for name, value in sorted(variables.items()))
    os.replace(partial, file)
