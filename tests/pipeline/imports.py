"""Which of the project's own files a stage runs, from its import statements."""

import ast
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def closure(script: Path) -> set[str]:
    """Paths, relative to the project, of every module that a script imports, directly or through others."""
    seen: set[str] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        name = str(path.relative_to(PROJECT))
        if name not in seen:
            seen.add(name)
            waiting += [file for module in imported(path) for file in _files(module)]
    return seen


def imported(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {module for module in modules if module.split(".")[0] in ("crescendai", "stages")}


def _files(module: str) -> list[Path]:
    path = PROJECT / module.replace(".", "/")
    own = [path.with_suffix(".py"), path / "__init__.py"]
    return [file for file in own if file.exists()]
