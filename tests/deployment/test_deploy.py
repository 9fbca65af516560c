"""deploy.py as it is started: with the real `modal`, which has no account here, and with one that answers."""

import json
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from crescendai.shipped import write_manifest
from tests.shipped_models import small_shipped

PROJECT = Path(__file__).parents[2]
# Notes what it was told, and answers as Modal's program does where there is an account.
FAKE_MODAL = """#!{python}
import json, os, sys
with open(os.environ["FAKE_NOTES"], "a") as notes:
    env = {{k: v for k, v in os.environ.items() if k.startswith("CRESCENDAI_")}}
    notes.write(json.dumps([sys.argv[1:], env]) + "\\n")
if sys.argv[1:3] == ["app", "list"]:
    states = {{"ap-0": "stopped", "ap-1": os.environ.get("FAKE_STATE", "deployed")}}
    print(json.dumps([{{"app_id": of, "description": "crescendai", "state": state, "tasks": "2",
                       "created_at": "2026-11-01", "stopped_at": None}} for of, state in states.items()]))
elif sys.argv[1:3] == ["volume", "list"]:
    print(json.dumps([]))
elif sys.argv[1:3] == ["app", "logs"]:
    print("a line of the log")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what deploy.py looks at, so that no settings file of this tree is read or written."""
    copy = tmp_path / "project"
    copy.mkdir()
    for name in ("deploy.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(PROJECT / name, copy)
    (copy / "crescendai").symlink_to(PROJECT / "crescendai")
    return copy


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder whose files are as its manifest says, which is all that is looked at before a service is started."""
    folder = tmp_path / "small"
    folder.mkdir()
    for name in ("model.safetensors", "model.json", "intervals.json", "card.md"):
        (folder / name).write_text(name)
    write_manifest(folder, "small", "1.2")
    return folder


@pytest.fixture
def fake(tmp_path: Path) -> dict[str, str]:
    """An environment whose `modal` answers."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "modal"
    program.write_text(FAKE_MODAL.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{folder}:/usr/bin:/bin", "FAKE_NOTES": str(tmp_path / "notes")}


def deploy(project: Path, *arguments: str, answers: str = "", **environment: str) -> subprocess.CompletedProcess:
    kept = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(project)}
    return subprocess.run([sys.executable, "deploy.py", *arguments], cwd=project, env=kept | environment, input=answers,
                          capture_output=True, text=True, timeout=600)  # fmt: skip


def told(fake: dict[str, str]) -> list[tuple[list[str], dict[str, str]]]:
    file = Path(fake["FAKE_NOTES"])
    return [tuple(json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []


def test_help_names_every_action_and_where_settings_come_from(project):
    done = deploy(project, "--help")
    assert done.returncode == 0
    for word in ("--validate", "--install", "--test-and-deploy", "--deploy", "--status", "--logs", "--test",
                 "deployment.env", "README_DEPLOYMENT.md"):  # fmt: skip
        assert word in done.stdout


def test_without_an_account_it_says_so_and_deploys_nothing(project, model):
    pytest.importorskip("modal")
    done = deploy(project, "--deploy", "--model", str(model))
    assert done.returncode == 1
    assert "ok       model" in done.stdout and "MISSING  account" in done.stdout
    assert "modal setup" in done.stdout
    assert "nothing was deployed" in done.stderr


def test_without_the_program_it_says_so(project, model):
    done = deploy(project, "--validate", "--model", str(model), PATH="/usr/bin:/bin")
    assert done.returncode == 1
    assert "MISSING  modal     no program `modal` on PATH; run ./deploy.py --install" in done.stdout
    done = deploy(project, "--status", PATH="/usr/bin:/bin")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: modal: expected the program on PATH")


def test_a_python_without_any_package_can_validate(project):
    command = [sys.executable, "-S", "deploy.py", "--validate"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 1, done.stderr
    assert "MISSING  packages  no jax, fastapi, uvicorn, python-multipart" in done.stdout
    assert not done.stderr


def test_a_damaged_model_or_setting_is_what_is_missing(project, model, fake):
    (model / "card.md").write_text("changed")
    done = deploy(project, "--deploy", "--model", str(model), CRESCENDAI_WORKERS="-2", **fake)
    assert done.returncode == 1
    assert "MISSING  model" in done.stdout and "card.md: expected sha256" in done.stdout
    assert "MISSING  settings  CRESCENDAI_WORKERS: expected a positive whole number" in done.stdout
    assert not [command for command, _ in told(fake) if command[0] == "deploy"]


def test_deploying_uploads_the_model_under_a_name_of_its_own_and_passes_settings_on(project, model, fake):
    pytest.importorskip("modal")
    (project / "deployment.env").write_text("CRESCENDAI_API_KEY=secret\nCRESCENDAI_MODAL_GPU=T4\n")
    done = deploy(project, "--deploy", "--model", str(model), "--gpu", "L4", CRESCENDAI_WORKERS="2", **fake)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "secret" not in done.stdout + done.stderr
    commands = [command for command, _ in told(fake)]
    name = f"small-1.2-{json.loads((model / 'manifest.json').read_text())['files']['model.safetensors'][:12]}"
    assert commands == [
        ["app", "list", "--json"],
        ["volume", "list", "--json"],
        ["volume", "create", "crescendai-models"],
        ["volume", "put", "--force", "crescendai-models", str(model), f"/{name}"],
        ["deploy", "-m", "crescendai.deployment.modal_service"],
    ]
    environment = told(fake)[-1][1]
    assert environment == {
        "CRESCENDAI_API_KEY": "secret", "CRESCENDAI_MODAL_GPU": "L4", "CRESCENDAI_MODAL_MODEL": name,
        "CRESCENDAI_WORKERS": "2",
    }  # fmt: skip


def test_the_menu_does_what_the_flags_do(project, fake):
    done = deploy(project, answers="5\n6\nx\n0\n", **fake)
    assert "crescendai  ap-1  deployed, 2 containers" in done.stdout
    assert "a line of the log" in done.stdout
    assert "expected a number from 0 to 6, found 'x'" in done.stdout
    assert done.returncode == 0
    assert [command for command, _ in told(fake)] == [["app", "list", "--json"], ["app", "logs", "crescendai"]]


@pytest.mark.parametrize(("state", "code"), [("deployed", 0), ("stopped", 1), ("ephemeral", 1)])
def test_an_app_that_was_stopped_is_not_deployed(project, fake, state: str, code: int):
    done = deploy(project, "--status", FAKE_STATE=state, **fake)
    assert done.returncode == code and f"crescendai  ap-1  {state}" in done.stdout
    assert ("no app named crescendai is deployed; ./deploy.py --deploy does it" in done.stdout) == (code == 1)


@pytest.mark.parametrize("url", ["my.modal.run", "file:///etc/passwd"])
def test_an_address_that_is_none_is_one_sentence(project, fake, url: str):
    done = deploy(project, "--status", "--url", url, **fake)
    assert done.returncode == 1
    assert done.stderr == f"error: --url: expected an address with https:// before it, found {url}; correct it\n"


def test_settings_that_cannot_be_read_are_one_sentence(project, fake):
    (project / "deployment.env").write_bytes(b"\xff")
    (project / "deployment.env").chmod(0)
    done = deploy(project, "--validate", **fake)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error: {project}/deployment.env: expected ")


def test_what_the_system_refuses_is_one_line_and_the_menu_goes_on(project, fake):
    Path(fake["PATH"].split(":")[0], "modal").write_text("#!/nowhere\n")
    Path(fake["PATH"].split(":")[0], "modal").chmod(0o600)
    done = deploy(project, answers="6\n6\n0\n", **fake | {"PATH": fake["PATH"].split(":")[0]})
    assert done.returncode == 1 and done.stderr.count("error: ") == done.stderr.count("\n") == 2


def test_interrupted_the_menu_ends_without_a_traceback(project):
    command, kept = [sys.executable, "-u", "deploy.py"], {"PATH": "/usr/bin:/bin"}
    with subprocess.Popen(command, cwd=project, env=kept, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as menu:  # fmt: skip
        while menu.stdout.read(1) != ">":
            pass
        menu.send_signal(signal.SIGINT)
        said = menu.communicate(timeout=60)[1]
    assert (menu.returncode, said) == (130, "\n")


def test_a_failing_modal_is_one_sentence_more(project, fake):
    Path(fake["PATH"].split(":")[0], "modal").write_text("#!/bin/sh\necho 'no such app' >&2\nexit 3\n")
    done = deploy(project, "--logs", **fake)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "no such app",
        "error: modal app logs: expected it to work, found exit code 3; see above, and ./deploy.py --validate",
    ]


@pytest.mark.slow
def test_a_local_trial_starts_the_service_with_its_key_and_rates(project, tmp_path):
    model = small_shipped(tmp_path / "real")
    # `python -m crescendai` of this tree, whichever is installed.
    done = deploy(project, "--test", "--model", str(model), CRESCENDAI_API_KEY="k", CRESCENDAI_DECODERS="1",
                  XDG_CACHE_HOME=str(project / "cache"), PYTHONPATH=str(PROJECT))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "ready; 6.0 s of sound rated in" in done.stdout


@pytest.mark.slow
def test_installing_writes_settings_that_only_the_owner_reads(project, tmp_path):
    """With a pip that does nothing."""
    (project / "deployment.env").write_text("# ours\nCRESCENDAI_MODAL_GPU=L4\n")
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip/__init__.py").write_text("")
    (tmp_path / "pip/__main__.py").write_text("import sys; print(sys.argv[1:])")
    done = deploy(project, "--install", "--gpu", "T4", "--new-api-key", PYTHONPATH=str(tmp_path), PYTHONSAFEPATH="")
    assert done.returncode == 0, done.stderr
    assert f"'{project}[serve,deploy]', '-c', '{project}/constraints.txt'" in done.stdout
    file = project / "deployment.env"
    assert file.read_text().startswith("# ours\nCRESCENDAI_MODAL_GPU=T4\n")
    lines = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    assert lines["CRESCENDAI_MODAL_GPU"] == "T4" and len(lines["CRESCENDAI_API_KEY"]) > 40
    assert lines["CRESCENDAI_API_KEY"] not in done.stdout
    assert file.stat().st_mode & 0o077 == 0
