"""Runs the commands of docs/tutorial.md and puts their outputs where they belong.

    python docs/make_tutorial.py RECORDING

In blocks of ``console`` a line that starts with ``$ `` is a command, in one shell for the whole page; what follows it
is its output. A block of ``python`` whose first line is ``# name.py`` is written to that file first. The recording is
``recording.wav`` there. Two minutes, most of it the first compilation.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
TUTORIAL = PROJECT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
END = "---- end of the command ----"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path)
    recording = parser.parse_args().recording.resolve(strict=True)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(recording, Path(folder) / "recording.wav")
        text = with_outputs(TUTORIAL.read_text(), Path(folder))
    partial = TUTORIAL.with_name(TUTORIAL.name + ".part")
    partial.write_text(text)
    os.replace(partial, TUTORIAL)


def with_outputs(text: str, folder: Path) -> str:
    """The page with the outputs of its commands, run in ``folder``."""
    bin_folder = folder / ".bin"
    bin_folder.mkdir()
    for name, module in (("crescendai", "-m crescendai"), ("python", "")):  # of this tree and this Python
        program = bin_folder / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
        program.chmod(0o755)
    path = f"{bin_folder}:{os.environ['PATH']}"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PATH": path, "COLUMNS": "110"}
    shell = subprocess.Popen(["bash"], cwd=folder, env=environment, text=True, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    try:
        return BLOCK.sub(lambda block: _run(block, shell, folder), text)
    finally:
        shell.stdin.close()
        shell.wait()


def _run(block: re.Match, shell: subprocess.Popen, folder: Path) -> str:
    kind, body = block.groups()
    if kind == "python":
        if name := re.match(r"# (\w+\.py)\n", body):
            (folder / name[1]).write_text(body)
        return block[0]
    lines = []
    for line in body.splitlines():
        if not line.startswith("$ "):
            continue
        shell.stdin.write(f"{line[2:]}\necho; echo '{END}'\n")
        shell.stdin.flush()
        output = []
        while (said := shell.stdout.readline()).rstrip("\n") != END:
            if not said:
                raise SystemExit(f"{line}: expected the shell to go on, found it ended")
            output.append(said.rstrip())
        while output and not output[-1]:
            output.pop()
        lines += [line, *output]
    return "```console\n" + "\n".join(lines) + "\n```"


if __name__ == "__main__":
    main()
