"""``crescendai models``: what is known of the model, without loading it."""

from pathlib import Path
from typing import TYPE_CHECKING

from crescendai.cli.shown import shown
from crescendai.errors import DataError
from crescendai.shipped import read_card, shipped_folder, verify

if TYPE_CHECKING:
    from crescendai.api.contracts import ModelInfo


def check_model(path: Path | None) -> None:
    """Says that a model is missing or damaged before anything is loaded; a single model is only looked for.

    Raises:
        DataError: as of `crescendai.shipped.verify`, or there is no model of that name.
    """
    if path is None or path.is_dir():
        verify(path or shipped_folder())
    elif not path.with_name(path.name + ".safetensors").is_file():
        raise DataError(
            f"--model {path}: expected a model's folder, or a model without suffix, found neither; check the path"
        )


def model_label(model: "ModelInfo") -> str:
    """Name, version and the first digits of the weights' checksum: names and versions alone are soon ambiguous."""
    return shown(f"{model.name} {model.version} ({model.sha256[:8]})")


def print_identity(path: Path | None) -> None:
    folder = path or shipped_folder()
    identity = verify(folder)
    print(f"{identity.name}  {identity.version}  {identity.sha256}  {folder}")


def print_card(path: Path | None) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    card = read_card(path or shipped_folder())
    console = Console()
    # A pipe gets the Markdown as it is.
    console.print(Markdown(card)) if console.is_terminal else print(card)


def print_verified(path: Path | None) -> None:
    folder = path or shipped_folder()
    identity = verify(folder)
    print(f"{folder}: every file of {identity.name} {identity.version} is as its manifest says")
