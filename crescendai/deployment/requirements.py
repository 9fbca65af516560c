"""What a deployment needs, checked one by one; each that is missing says what to do."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from crescendai.api.settings import ServiceSettings
from crescendai.deployment.settings import ModalSettings
from crescendai.errors import CrescendaiError
from crescendai.shipped import shipped_folder, verify

SERVING = {"jax": "jax", "fastapi": "fastapi", "uvicorn": "uvicorn", "multipart": "python-multipart"}
MODAL_TIMEOUT_S = 60


class Requirement(NamedTuple):
    """met: whether it is there. found: what is there, or what is missing and what to do."""

    name: str
    met: bool
    found: str


def local_requirements(environment: Mapping[str, str], model: Path | None) -> list[Requirement]:
    """What it takes to run the service on this machine."""
    return [_python(), _packages(), _settings(environment), _model(model)]


def modal_requirements(project: Path) -> list[Requirement]:
    """What it takes to deploy it, beyond that."""
    found = [_sources(project), _modal_package()]
    return [*found, _account()] if all(of.met for of in found) else found


def _python() -> Requirement:
    found = ".".join(map(str, sys.version_info[:3]))
    met = sys.version_info >= (3, 11)
    return Requirement("Python", met, found if met else f"{found}: 3.11 or newer is needed; start with another python")


def _packages() -> Requirement:
    missing = [name for module, name in SERVING.items() if find_spec(module) is None]
    if missing:
        return Requirement("packages", False, f"no {', '.join(missing)}; run ./deploy.py --install")
    return Requirement("packages", True, f"jax {version('jax')}, fastapi {version('fastapi')}")


def _settings(environment: Mapping[str, str]) -> Requirement:
    try:
        service, on_modal = ServiceSettings.of(environment), ModalSettings.of(environment)
    except CrescendaiError as error:
        return Requirement("settings", False, str(error))
    key = "an API key" if service.api_key else "no API key: anybody who can reach the service may use it"
    return Requirement("settings", True, f"{key}; at most {on_modal.max_containers} containers")


def _model(model: Path | None) -> Requirement:
    folder = model or shipped_folder()
    try:
        identity = verify(folder)
    except CrescendaiError as error:
        return Requirement("model", False, str(error))
    return Requirement("model", True, f"{identity.name} {identity.version} in {folder}")


def _sources(project: Path) -> Requirement:
    missing = [name for name in ("pyproject.toml", "constraints.txt", "crescendai") if not (project / name).exists()]
    if missing:
        return Requirement("sources", False, f"{project}: no {', '.join(missing)}; run deploy.py of a clone")
    return Requirement("sources", True, str(project))


def _modal_package() -> Requirement:
    program = shutil.which("modal")
    if program is None:
        return Requirement(
            "modal", False, "no program `modal` on PATH; run ./deploy.py --install, then activate the environment"
        )
    try:
        return Requirement("modal", True, f"{version('modal')}, {program}")
    except PackageNotFoundError:
        return Requirement("modal", False, f"{program} is of another Python; run ./deploy.py --install")


def _account() -> Requirement:
    """Asks Modal, which needs a token and the network."""
    try:
        asked = subprocess.run(
            ["modal", "app", "list", "--json"], capture_output=True, text=True, timeout=MODAL_TIMEOUT_S,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "500"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Requirement("account", False, f"no answer from Modal within {MODAL_TIMEOUT_S} s; check the network")
    if asked.returncode == 0:
        return Requirement("account", True, "Modal knows the token")
    said = " ".join(line for line in asked.stderr.split() if line.strip("│╭╮╰╯─"))
    if "oken" in said:
        return Requirement(
            "account", False, "Modal has no valid token of yours; make an account at modal.com, then run `modal setup` "
            f"(or set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET). It said: {said}",
        )  # fmt: skip
    return Requirement("account", False, f"Modal did not answer: {said or asked.returncode}; check the network")
