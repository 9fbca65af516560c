"""What one process compiled, the next one finds."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
import jax
import crescendai.training.compile_cache as compile_cache

hits = []
jax.monitoring.register_event_listener(lambda event, **_: hits.append(event) if event.endswith("/cache_hits") else None)
compile_cache.WORTH_KEEPING_S = 0.0  # the program is small
compile_cache.use_compile_cache(Path(sys.argv[1]))
print(float(jax.jit(lambda x: (x @ x).sum())(jax.numpy.ones((8, 8)))), len(hits))
"""


def run(folder: Path) -> list[str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(folder)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.split()


def test_the_second_process_compiles_nothing_anew(tmp_path):
    value, hits = run(tmp_path / "cache")
    assert hits == "0" and any((tmp_path / "cache").iterdir())
    value_again, hits_again = run(tmp_path / "cache")
    assert value_again == value and int(hits_again) > 0
