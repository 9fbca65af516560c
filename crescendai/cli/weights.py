"""``crescendai weights``: weights of transformers' AST taken over and handed on."""

from pathlib import Path

from crescendai.errors import DataError
from crescendai.models.checkpoint import load_model, save_model
from crescendai.models.convert import with_geometry
from crescendai.models.hugging_face import export_model, import_model


def import_model_files(
    source: Path, target: str, max_frames: int | None, n_mels: int | None, stride: int | None
) -> None:
    path = model_path(target)
    for file in (f"{path}.safetensors", f"{path}.json"):
        if Path(file).exists():
            raise DataError(f"{file}: expected no such file yet, found one; choose another target or delete it")
    model = with_geometry(import_model(source), n_mels, max_frames, stride)
    save_model(model, path)
    c = model.network.config
    print(
        f"{path}: {c.depth} blocks of width {c.width}, {c.max_time_patches} x {c.mel_patches} patches of "
        f"{c.max_frames} frames x {c.n_mels} mel bands, {model.network.num_outputs} outputs"
    )


def export_model_files(model: str, folder: Path) -> None:
    export_model(load_model(model_path(model)), folder)
    print(f"{folder}: model.safetensors, config.json, preprocessor_config.json")


def model_path(text: str) -> Path:
    """Forgives the suffix of one of a model's two files."""
    return Path(text.removesuffix(".safetensors").removesuffix(".json"))
