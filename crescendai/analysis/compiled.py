"""Compiled programs kept in the user's cache folder, so that the second start does not compile again."""

import os
import sys
from pathlib import Path

import jax

WORTH_KEEPING_S = 0.2  # compile time from which a program is kept


def use_compile_cache() -> None:
    """Has JAX keep what it compiles; to be called before anything is compiled. Safe to delete at any time."""
    jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", WORTH_KEEPING_S)


def cache_folder() -> Path:
    """Where programs keep what they can make again, by the customs of the system; XDG_CACHE_HOME counts everywhere."""
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]) / "crescendai"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "crescendai"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "crescendai"
    return Path.home() / ".cache" / "crescendai"
