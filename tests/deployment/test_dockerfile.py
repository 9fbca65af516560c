"""The image: what goes in, as whom it runs, and that its steps make a service that rates."""

import json
import socket
import subprocess
import time
from pathlib import Path

import pytest

from crescendai.deployment.trial import rate, readiness, some_playing
from tests.deployment.docker_steps import PROJECT, build, sent_files, stages, steps
from tests.shipped_models import small_shipped

DOCKERFILE = (PROJECT / "Dockerfile").read_text()


def only(stage: list, instruction: str) -> list[str]:
    return [rest for name, rest in stage if name == instruction]


def test_only_what_is_copied_is_sent():
    sent = {str(file) for file in sent_files(PROJECT)}
    assert {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "crescendai/api/service.py"} <= sent
    assert all(name.startswith("crescendai/") or "/" not in name for name in sent)
    assert not [name for name in sent if "/." in name or name.startswith(".") or name.endswith((".env", ".pyc"))]
    copied = [source for name, rest in steps(DOCKERFILE) if name == "COPY" and "--from" not in rest
              for source in rest.split()[:-1]]  # fmt: skip
    assert all((PROJECT / source).exists() for source in copied)
    assert {name.split("/")[0] for name in sent} == set(copied)


def test_the_image_runs_as_nobody_in_particular_and_says_how_it_is():
    final = stages(DOCKERFILE)[1]
    assert only(final, "USER") == ["10001"]
    assert [name for name, _ in final].index("USER") > max(i for i, (name, _) in enumerate(final) if name == "RUN")
    assert "/readyz" in only(final, "HEALTHCHECK")[0]
    assert only(final, "COPY") == ["--from=build /opt/crescendai /opt/crescendai"]  # no sources, no tools
    assert json.loads(only(final, "ENTRYPOINT")[0]) == ["crescendai"]


def test_every_installation_is_pinned():
    installs = [part for step in steps(DOCKERFILE) if step.instruction == "RUN"
                for part in step.rest.split("&&") if "pip install" in part]  # fmt: skip
    assert len(installs) == 3
    assert all("constraints.txt" in part for part in installs)


@pytest.mark.slow
def test_its_steps_make_a_service_that_gets_ready_and_rates(tmp_path: Path):
    variables = build(tmp_path / "root")
    (tmp_path / "root/var/cache/crescendai").mkdir(parents=True)
    model = small_shipped(tmp_path / "small")
    final = stages(DOCKERFILE)[1]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = json.loads(only(final, "ENTRYPOINT")[0]) + json.loads(only(final, "CMD")[0])
    command = [port if part == "8000" else part for part in command] + ["--model", str(model)]
    bin_folder = tmp_path / "root/opt/crescendai/bin"
    assert not [name for name in ("dvc", "mlflow", "torch", "modal", "pytest") if _has(bin_folder, name)]
    # Away from the sources, with nothing of this environment.
    with (tmp_path / "log").open("w") as log:
        service = subprocess.Popen([bin_folder / command[0], *command[1:]], cwd=tmp_path, env=variables, stderr=log)
        try:
            address, until = f"http://127.0.0.1:{port}", time.monotonic() + 400
            check = json.loads(only(final, "HEALTHCHECK")[0].split("CMD", 1)[1])
            check = [bin_folder / "python", *(part.replace(":8000", f":{port}") for part in check[1:])]
            assert subprocess.run(check, stderr=subprocess.DEVNULL).returncode != 0  # not ready yet
            while not (found := readiness(address)) or not found["ready"]:
                assert service.poll() is None and time.monotonic() < until, (tmp_path / "log").read_text()
                time.sleep(1)
            assert subprocess.run(check).returncode == 0
            assert rate(address, some_playing())["processing"]["model"]["name"] == "small"
        finally:
            service.terminate()
            assert service.wait(60) in (0, -15)


def _has(bin_folder: Path, module: str) -> bool:
    return subprocess.run([bin_folder / "python", "-c", f"import {module}"], stderr=subprocess.DEVNULL).returncode == 0
