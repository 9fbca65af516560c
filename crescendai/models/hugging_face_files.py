"""The single files of a model of Hugging Face's transformers; see `crescendai.models.hugging_face`."""

import json
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, computed_field

from crescendai.audio.kaldi import AUDIOSET_MEAN, AUDIOSET_STD
from crescendai.errors import DataError
from crescendai.models.checkpoint import read_weights

Size = Annotated[int, Field(ge=1)]


class _File(BaseModel):
    # Keys that say nothing about the network (who saved it, with which version) are passed over.
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, allow_inf_nan=False)


class NetworkFile(_File):
    """``config.json``. Defaults are those of transformers, which leaves keys out that have them."""

    model_type: Literal["audio-spectrogram-transformer"]
    hidden_size: Size = 768
    num_hidden_layers: Size = 12
    num_attention_heads: Size = 12
    intermediate_size: Size = 3072
    patch_size: Size = 16
    frequency_stride: Size = 10
    time_stride: Size = 10
    max_length: Size = 1024
    num_mel_bins: Size = 128
    layer_norm_eps: Annotated[float, Field(gt=0)] = 1e-12
    hidden_dropout_prob: Annotated[float, Field(ge=0, lt=1)] = 0.0
    # Ours has one kind of block only.
    attention_probs_dropout_prob: Annotated[float, Field(ge=0, le=0)] = 0.0
    hidden_act: Literal["gelu"] = "gelu"
    qkv_bias: Literal[True] = True
    id2label: Annotated[dict[str, str], Field(min_length=1)] = {"0": "LABEL_0", "1": "LABEL_1"}

    # Written for transformers, not read: they say nothing new.
    @computed_field
    @property
    def label2id(self) -> dict[str, int]:
        return {name: int(k) for k, name in self.id2label.items()}

    @computed_field
    @property
    def architectures(self) -> list[str]:
        return ["ASTForAudioClassification"]


class KaldiFile(_File):
    """``preprocessor_config.json`` of an ``ASTFeatureExtractor``."""

    feature_extractor_type: Literal["ASTFeatureExtractor"]
    sampling_rate: Annotated[int, Field(ge=8000)] = 16_000
    num_mel_bins: Size = 128
    max_length: Size = 1024
    do_normalize: bool = True
    mean: float = AUDIOSET_MEAN
    std: Annotated[float, Field(gt=0)] = AUDIOSET_STD


class OwnFile(_File):
    """``preprocessor_config.json`` of an input that transformers cannot make. It does not know the type and says so."""

    feature_extractor_type: Literal["CrescendaiFrontend"]
    mean_db: float
    std_db: Annotated[float, Field(gt=0)]
    frontend: dict[str, int | float | str]


NETWORK_FILE = TypeAdapter(NetworkFile)
FRONTEND_FILE = TypeAdapter(Annotated[KaldiFile | OwnFile, Field(discriminator="feature_extractor_type")])


def weights_in(folder: Path) -> Path:
    """The file of weights.

    Raises:
        DataError: there is none.
    """
    names = ("model.safetensors", "pytorch_model.bin")
    for name in names:
        if (folder / name).exists():
            return folder / name
    raise DataError(f"{folder}: expected {' or '.join(names)} in it, found neither; download the whole model")


def read_state(path: Path) -> dict[str, np.ndarray]:
    """Tensors by name, from safetensors or from torch's older format.

    Raises:
        DataError: the file is missing, damaged or holds anything else; or torch is missing for the older format.
    """
    if not path.is_file():
        raise DataError(f"{path}: expected a folder or a file of weights, not found; correct the path")
    if path.suffix == ".safetensors":
        return read_weights(path)
    if path.suffix != ".bin":
        raise DataError(f"{path}: expected .safetensors or .bin, found {path.suffix!r}; convert it with transformers")
    try:
        import torch
    except ImportError as error:
        raise DataError(
            f"{path}: expected torch to be installed, which reads this older format, not found; "
            "get model.safetensors, or run `pip install 'crescendai[bench]'`"
        ) from error
    try:
        # weights_only: whatever in the file is no tensor is refused, and no code of it runs.
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.detach().float().numpy() for name, tensor in state.items()}
    except Exception as error:  # unpickling raises anything
        raise DataError(
            f"{path}: expected a state dict of tensors alone, found something else or a damaged file "
            f"({type(error).__name__}); get model.safetensors instead"
        ) from error


def read_json(path: Path, kind: TypeAdapter) -> NetworkFile | KaldiFile | OwnFile:
    """A file of one of the kinds above.

    Raises:
        DataError: it is missing or damaged, or a value is one that our network cannot have.
    """
    try:
        return kind.validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(
            f"{path}: expected it beside the weights, not readable ({error}); get the whole model"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DataError(
            f"{path}: expected the configuration of an audio spectrogram transformer, found {name}: "
            f"{first['msg']}; only networks of that kind can be imported"
        ) from error


def write_json(file: NetworkFile | KaldiFile | OwnFile, path: Path) -> None:
    """The inverse of `read_json`; equal values give equal bytes."""
    path.write_text(json.dumps(file.model_dump(), indent=2, sort_keys=True) + "\n")
