"""Compiled programs kept on disk, so that a stage that runs again does not compile again."""

from pathlib import Path

import jax

WORTH_KEEPING_S = 1.0  # compile time from which a program is kept


def use_compile_cache(folder: Path) -> None:
    """Has JAX keep what takes long to compile; to be called before anything is compiled.

    folder: outside DVC's outs; safe to delete at any time, and to share between runs.
    """
    jax.config.update("jax_compilation_cache_dir", str(folder.absolute()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", WORTH_KEEPING_S)
