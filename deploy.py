#!/usr/bin/env python3
"""Deploys the HTTP service: checks what is needed, tries it here, puts it on Modal, and looks after it.

    ./deploy.py                    a menu
    ./deploy.py --validate         what is there and what is missing; exit code 1 if anything is
    ./deploy.py --install          packages into this Python's environment; settings into deployment.env
    ./deploy.py --test             start the service on this machine and rate a recording
    ./deploy.py --test-and-deploy  deploy if that went well
    ./deploy.py --deploy           put it on Modal, or replace what is there
    ./deploy.py --status           what runs there
    ./deploy.py --logs             what it said, with --follow what it says

Settings are environment variables, CRESCENDAI_…; those not set are read from deployment.env beside this file.
--gpu, --min-containers and --max-containers override them, and are kept when given with --install.
README_DEPLOYMENT.md lists them, and the other ways to run the service.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from crescendai.deployment.requirements import local_requirements, modal_requirements
from crescendai.deployment.settings import APP, MODELS, PREFIX, change_env_file, read_env_file
from crescendai.deployment.trial import local_service, rate, readiness, some_playing
from crescendai.errors import CrescendaiError
from crescendai.shipped import verify

PROJECT = Path(__file__).resolve().parent
ENV_FILE = PROJECT / "deployment.env"
READY_TIMEOUT_S = 600.0
INTERRUPTED = 130  # the exit code of shells
KEPT = ("gpu", "min_containers", "max_containers")
MENU = (
    ("validate", "validate requirements"),
    ("install", "install and configure"),
    ("test_and_deploy", "test locally, then deploy"),
    ("deploy", "deploy"),
    ("status", "status"),
    ("logs", "logs"),
)


def main() -> int:
    arguments = parse_arguments()
    chosen = next((name for name in ACTIONS if getattr(arguments, name)), None)
    try:
        return menu(arguments) if chosen is None else attempted(ACTIONS[chosen], arguments)
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED


def attempted(action: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """The action's exit code; what went wrong is one line."""
    try:
        return action(arguments)
    except (CrescendaiError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    for name, text in (*MENU, ("test", "test locally")):
        what.add_argument(f"--{name.replace('_', '-')}", action="store_true", help=text)
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="another model than the package's own")
    parser.add_argument("--gpu", metavar="TYPE", help="Modal's name of it, such as T4 or L4; '' for none")
    parser.add_argument("--min-containers", type=int, metavar="N", help="run, and are paid for, without requests")
    parser.add_argument("--max-containers", type=int, metavar="N", help="never more than these")
    parser.add_argument("--new-api-key", action="store_true", help="with --install: make a key that requests need")
    parser.add_argument("--url", help="with --status: the service's address, to ask whether it is ready")
    parser.add_argument("--follow", action="store_true", help="with --logs: go on until interrupted")
    return parser.parse_args()


def menu(arguments: argparse.Namespace) -> int:
    """Asks until told to stop; the exit code is that of the last choice."""
    code = 0
    while True:
        print()
        for number, (_, text) in enumerate(MENU, start=1):
            print(f"  {number}  {text}")
        print("  0  quit")
        try:
            answer = input("> ").strip()
        except EOFError:
            return code
        if answer == "0":
            return code
        if answer not in {str(number + 1) for number in range(len(MENU))}:
            print(f"expected a number from 0 to {len(MENU)}, found {answer!r}")
            continue
        code = attempted(ACTIONS[MENU[int(answer) - 1][0]], arguments)


def environment_of(arguments: argparse.Namespace) -> dict[str, str]:
    """Settings, in rising order: deployment.env, the environment, the command line."""
    found = read_env_file(ENV_FILE) if ENV_FILE.is_file() else {}
    found |= {name: value for name, value in os.environ.items() if name.startswith("CRESCENDAI_")}
    return found | options(arguments)


def options(arguments: argparse.Namespace) -> dict[str, str]:
    given = {name: getattr(arguments, name) for name in KEPT}
    return {PREFIX + name.upper(): str(value) for name, value in given.items() if value is not None}


def validate(arguments: argparse.Namespace) -> int:
    return 0 if _all_met([*_local(arguments), *modal_requirements(PROJECT)]) else 1


def install(arguments: argparse.Namespace) -> int:
    """Packages of the extras serve and deploy, at the versions of constraints.txt; then settings."""
    # Environments made by uv have no pip.
    pip = [sys.executable, "-m", "pip", "install"]
    command = pip if find_spec("pip") else ["uv", "pip", "install", "--python", sys.executable]
    try:
        done = subprocess.run([*command, "-e", f"{PROJECT}[serve,deploy]", "-c", str(PROJECT / "constraints.txt")])
    except FileNotFoundError:
        raise CrescendaiError(f"{sys.executable}: expected pip in it or uv on PATH, found neither; add one") from None
    if done.returncode != 0:
        raise CrescendaiError(
            f"{command[0]}: expected it to install the extras serve and deploy, found exit code {done.returncode}; "
            "see above. Where the system's Python refuses, make an environment: python3 -m venv .venv"
        )
    changes = options(arguments)
    if arguments.new_api_key:
        changes["CRESCENDAI_API_KEY"] = secrets.token_urlsafe(32)
    change_env_file(ENV_FILE, changes)
    print(f"{ENV_FILE}: {', '.join(sorted(read_env_file(ENV_FILE))) or 'no settings, the defaults hold'}")
    print("An account at Modal: `modal setup` in this environment, once. Then ./deploy.py --validate")
    return 0


def test(arguments: argparse.Namespace) -> int:
    """Starts the service with the settings of the deployment, and has it rate a recording."""
    if not _all_met(_local(arguments)):
        return 1
    environment = environment_of(arguments)
    with local_service(environment, arguments.model, READY_TIMEOUT_S) as service:
        result = rate(service.address, some_playing(), environment.get("CRESCENDAI_API_KEY", ""))
    done = result["processing"]
    print(f"{service.address}: ready; {done['duration_s']:.1f} s of sound rated in {done['processing_s']:.2f} s")
    return 0


def test_and_deploy(arguments: argparse.Namespace) -> int:
    return test(arguments) or deploy(arguments)


def deploy(arguments: argparse.Namespace) -> int:
    if not _all_met([*_local(arguments), *modal_requirements(PROJECT)]):
        print("nothing was deployed", file=sys.stderr)
        return 1
    environment = environment_of(arguments)
    if arguments.model is not None:
        environment[PREFIX + "MODEL"] = name = _upload(arguments.model)
        print(f"{PREFIX}MODEL={name}  (in {ENV_FILE.name} it holds for later deployments too)")
    _modal("deploy", "-m", "crescendai.deployment.modal_service", environment=environment)
    return 0


def status(arguments: argparse.Namespace) -> int:
    if arguments.url and not arguments.url.startswith(("https://", "http://")):
        raise CrescendaiError(f"--url: expected an address with https:// before it, found {arguments.url}; correct it")
    listed = json.loads(_modal("app", "list", "--json", capture=True))
    mine = [of for of in listed if of["description"] == APP]
    for of in mine:
        print(f"{of['description']}  {of['app_id']}  {of['state']}, {of['tasks']} containers, since {of['created_at']}")
    deployed = any(of["state"] == "deployed" for of in mine)  # those stopped of late are listed, too
    if not deployed:
        print(f"no app named {APP} is deployed; ./deploy.py --deploy does it")
    if arguments.url:
        # The first container may have to start.
        found = readiness(arguments.url.rstrip("/"), READY_TIMEOUT_S)
        if found is None or not found["ready"]:
            raise CrescendaiError(f"{arguments.url}: expected a service that is ready, found none; see --logs")
        print(f"{arguments.url}: ready, {found['model']['name']} {found['model']['version']}")
    return 0 if deployed else 1


def logs(arguments: argparse.Namespace) -> int:
    _modal("app", "logs", APP, *(["--follow"] if arguments.follow else []))
    return 0


def _local(arguments: argparse.Namespace) -> list:
    return local_requirements(environment_of(arguments), arguments.model)


def _all_met(requirements: list) -> bool:
    for of in requirements:
        print(f"{'ok     ' if of.met else 'MISSING'}  {of.name:<9} {of.found}")
    return all(of.met for of in requirements)


def _upload(folder: Path) -> str:
    """Puts a model into the volume, under a name that no other has: containers that run keep theirs."""
    identity = verify(folder)
    name = f"{identity.name}-{identity.version}-{identity.sha256[:12]}"
    if MODELS not in {of["name"] for of in json.loads(_modal("volume", "list", "--json", capture=True))}:
        _modal("volume", "create", MODELS)
    _modal("volume", "put", "--force", MODELS, str(folder), f"/{name}")
    return name


def _modal(*command: str, environment: dict[str, str] | None = None, capture: bool = False) -> str:
    try:
        done = subprocess.run(
            ["modal", *command], cwd=PROJECT, text=True, stdout=subprocess.PIPE if capture else None,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
    except FileNotFoundError:
        raise CrescendaiError("modal: expected the program on PATH, found none; run ./deploy.py --install") from None
    if done.returncode != 0:
        raise CrescendaiError(
            f"modal {' '.join(command[:2])}: expected it to work, found exit code {done.returncode}; see above, "
            "and ./deploy.py --validate"
        )
    return done.stdout or ""


ACTIONS = {
    "validate": validate, "install": install, "test": test, "test_and_deploy": test_and_deploy, "deploy": deploy,
    "status": status, "logs": logs,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
