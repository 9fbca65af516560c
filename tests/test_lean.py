"""What is served needs nothing of training, and asking for help loads no network."""

import subprocess
import sys

HEAVY = (
    "dvc",
    "mlflow",
    "torch",
    "optax",
    "orbax",
    "sklearn",
    "matplotlib",
    "crescendai.training",
    "crescendai.datasets",
)
PROGRAM = """
import sys
import crescendai.api.service, crescendai.api.decoding_process, crescendai.cli.app, crescendai.cli.analyze
import crescendai.cli.serve, crescendai.cli.models, crescendai.cli.export, crescendai.deployment.programs
import crescendai.analysis.analyzer, crescendai.api.engine
found = [name for name in {heavy!r} if name in sys.modules]
assert not found, found
"""


def test_service_and_command_line_import_no_training_code():
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(heavy=HEAVY)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_contracts_need_neither_web_nor_network():
    program = "import sys, crescendai.api.contracts\n"
    program += "assert not {'fastapi', 'jax', 'numpy'} & set(sys.modules), 'loaded'"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
