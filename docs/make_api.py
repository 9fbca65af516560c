"""Writes docs/api.md from the docstrings of what is public.

    python docs/make_api.py            # `--check` compares instead, and exits with 1 where the file differs

It reads sources and imports none of them. Public are names without an underscore: of each module listed below its
docstring, functions, classes with their fields and methods; upper-case constants are left to the source.
"""

import ast
import re
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
TARGET = PROJECT / "docs" / "api.md"
MODULES = {
    "Rating recordings": ("analysis.analyzer", "analysis.result", "analysis.sections", "shipped"),
    "What is sent and answered": ("api.contracts", "audio.refusal", "dimensions", "errors"),
    "The service and its deployment": (
        "api.service", "api.settings", "deployment.programs", "deployment.modal_service", "deployment.mlflow_model",
        "deployment.settings", "registry",
    ),
    "Sound": ("audio.preprocessor", "audio.load", "audio.logmel", "audio.descriptors", "audio.render"),
    "Networks": (
        "models.ast", "models.hybrid", "models.kernel", "models.presets", "models.transcription", "models.checkpoint",
        "models.convert", "models.hugging_face",
    ),
    "Training": ("training.pipeline", "training.pretraining", "training.finetuning", "training.losses"),
    "Evaluation": ("datasets.splits", "evaluation.metrics", "evaluation.reliability", "evaluation.bootstrap"),
}  # fmt: skip
MEANING = re.compile(r"\w+(, \w+)*: ")  # arguments and fields, one a line or several
SECTIONS = ("Args:", "Returns:", "Raises:", "Yields:")
HEAD = """# Reference

Made from the docstrings by `python docs/make_api.py`; change those, not this page. The names that
`import crescendai` offers are `PianoAudioPreprocessor`, `AudioSpectrogramTransformer`, `PerformanceDimensions` and
`ASTTrainingPipeline`. The HTTP interface is in [service.md](service.md) and [openapi.json](openapi.json).
"""


def main() -> int:
    text = api_text()
    if "--check" in sys.argv[1:]:
        if TARGET.read_text() == text:
            return 0
        print(f"{TARGET}: differs from the docstrings; run `python docs/make_api.py`", file=sys.stderr)
        return 1
    partial = TARGET.with_name(TARGET.name + ".part")
    partial.write_text(text)
    partial.replace(TARGET)
    return 0


def api_text() -> str:
    parts = [HEAD]
    for title, modules in MODULES.items():
        listed = ", ".join(f"[{name}](#crescendai{name.replace('.', '')})" for name in modules)
        parts.append(f"- **{title}:** {listed}")
    parts.append("")
    for title, modules in MODULES.items():
        parts.append(f"# {title}\n")
        for name in modules:
            parts += _module(name)
    return "\n".join(parts).rstrip() + "\n"


def _module(name: str) -> list[str]:
    tree = ast.parse((PROJECT / "crescendai" / f"{name.replace('.', '/')}.py").read_text())
    parts = [f"## crescendai.{name}\n", _prose(tree)]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_public(node):
            parts.append(_function(node, level=3))
        elif isinstance(node, ast.ClassDef) and _is_public(node):
            parts.append(_class(node))
    return parts


def _is_public(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return not node.name.startswith("_")


def _class(node: ast.ClassDef) -> str:
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    parts = [f"### class {node.name}" + (f"({bases})" if bases else "") + "\n", _prose(node)]
    fields = [part for part in node.body if isinstance(part, ast.AnnAssign) and not part.target.id.startswith("_")]
    if fields:
        parts.append("```python\n" + "\n".join(ast.unparse(field) for field in fields) + "\n```\n")
    for part in node.body:
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) and (_is_public(part) or part.name == "__init__"):
            parts.append(_function(part, level=4))
    return "\n".join(part for part in parts if part)


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, level: int) -> str:
    result = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
    kinds = [of.id for of in node.decorator_list if isinstance(of, ast.Name)]
    kind = next((f"@{name}\n" for name in ("property", "classmethod", "staticmethod") if name in kinds), "")
    signature = f"{kind}def {node.name}({ast.unparse(node.args)}){result}"
    return f"{'#' * level} {node.name}\n\n```python\n{signature}\n```\n\n{_prose(node)}".rstrip() + "\n"


def _prose(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """A docstring as Markdown: literal blocks fenced, headings of sections bold, arguments as a list."""
    lines, parts, literal, listing = (ast.get_docstring(node) or "").splitlines(), [], False, False
    for line in lines:
        listing = line.strip() in SECTIONS or (listing and line.startswith(" "))
        if literal and line.strip() and not line.startswith(" "):
            parts, literal = [*_without_blank_end(parts), "```", ""], False
        if line.strip() in SECTIONS:
            parts.append(f"**{line.strip()}**\n")
        elif line.endswith("::"):
            rest = line[:-2].rstrip()
            parts += [*([rest + ":"] if rest else []), "```text"]
            literal = True
        elif literal:
            parts += [] if parts[-1] == "```text" and not line.strip() else [line.rstrip()]
        elif line.startswith("        " if listing else "    "):  # goes on with what the line before says
            parts.append("  " + line.strip())
        elif listing or MEANING.match(line):
            parts.append("- " + line.strip())
        else:
            parts.append(line.rstrip())
    if literal:
        parts = [*_without_blank_end(parts), "```"]
    return "\n".join(parts).strip() + "\n"


def _without_blank_end(parts: list[str]) -> list[str]:
    while parts and not parts[-1].strip():
        parts = parts[:-1]
    return parts


if __name__ == "__main__":
    sys.exit(main())
