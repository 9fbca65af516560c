"""Models in the files that Hugging Face's transformers reads and writes.

::

    <folder>/model.safetensors          weights of an ASTForAudioClassification; read also: pytorch_model.bin
    <folder>/config.json                sizes of the network, names of its outputs
    <folder>/preprocessor_config.json   how its input is made

What only training knows (stochastic depth, patchout, dropout of the head) and the precision of the products have no
place in these files.

Clips shorter than ``max_frames``: told ``num_frames``, our network does not hear the padding; theirs always does.
The reference's very numbers come from `crescendai.audio.kaldi.ast_input` and no ``num_frames``.
"""

import os
import shutil
from pathlib import Path

from safetensors.numpy import save_file

from crescendai.errors import DataError
from crescendai.models.ast import AudioSpectrogramTransformer
from crescendai.models.checkpoint import TrainedModel
from crescendai.models.convert import from_hugging_face, to_hugging_face
from crescendai.models.hugging_face_files import (
    FRONTEND_FILE,
    NETWORK_FILE,
    KaldiFile,
    NetworkFile,
    OwnFile,
    read_json,
    read_state,
    weights_in,
    write_json,
)
from crescendai.models.presets import BackboneConfig
from crescendai.models.windows import InputScale


def import_model(source: Path) -> TrainedModel:
    """Reads a model that transformers, or `export_model`, wrote.

    source: the folder, or the file of weights in it.

    Raises:
        DataError: a file is missing, damaged or of another kind of network, or a tensor does not fit.
    """
    if not source.exists():
        raise DataError(f"{source}: expected a folder of model files or a file of weights, found nothing; correct it")
    weights_path = weights_in(source) if source.is_dir() else source
    folder = weights_path.parent
    config, names = _network(folder / "config.json")
    network = AudioSpectrogramTransformer(config, len(names))
    scale, frontend = _frontend(folder / "preprocessor_config.json", config)
    params = from_hugging_face(read_state(weights_path), network, weights_path)
    return TrainedModel(network, params, scale, frontend, names)


def export_model(model: TrainedModel, folder: Path) -> None:
    """Writes a folder for ``ASTForAudioClassification.from_pretrained``, whole or not at all.

    Equal models give equal bytes, and `import_model` gives the very weights back.

    Raises:
        DataError: the network has no counterpart, a parameter does not fit, or the folder is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: expected a new or an empty folder, found something in it; choose another")
    network_file = _network_file(model)
    state = to_hugging_face(model.params, model.network, "model")
    partial = folder.resolve().with_name(folder.resolve().name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        save_file(state, partial / "model.safetensors", metadata={"format": "pt"})
        write_json(network_file, partial / "config.json")
        write_json(_frontend_file(model), partial / "preprocessor_config.json")
        os.replace(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def kaldi_frontend(sample_rate_hz: int, n_mels: int) -> dict[str, float | str]:
    """Settings of `crescendai.audio.kaldi.kaldi_fbank`, windows of 25 ms every 10 ms, and ``kind``."""
    return {
        "kind": "kaldi", "sample_rate_hz": sample_rate_hz, "window_length": sample_rate_hz // 40,
        "hop_length": sample_rate_hz // 100, "n_mels": n_mels, "f_min_hz": 20.0, "f_max_hz": sample_rate_hz / 2,
    }  # fmt: skip


def _network(path: Path) -> tuple[BackboneConfig, tuple[str, ...]]:
    """Sizes, and the names of the outputs in order."""
    file = read_json(path, NETWORK_FILE)
    width, order = file.hidden_size, [str(k) for k in range(len(file.id2label))]
    fits = {
        "num_attention_heads": (file.num_attention_heads, width % file.num_attention_heads == 0),
        "intermediate_size": (file.intermediate_size, file.intermediate_size % width == 0),
        "patch_size": (file.patch_size, file.patch_size <= min(file.num_mel_bins, file.max_length)),
        "id2label": (sorted(file.id2label), set(order) == set(file.id2label)),
    }
    for name, (found, fit) in fits.items():
        if not fit:
            raise DataError(f"{path}: expected {name} that fits the other values, found {found}; get the file again")
    return BackboneConfig(
        n_mels=file.num_mel_bins, max_frames=file.max_length, width=width,
        depth=file.num_hidden_layers, num_heads=file.num_attention_heads,
        mlp_ratio=file.intermediate_size // width, patch_frames=file.patch_size, patch_mels=file.patch_size,
        stride_frames=file.time_stride, stride_mels=file.frequency_stride, pooling="tokens",
        dropout=float(file.hidden_dropout_prob), layer_norm_epsilon=float(file.layer_norm_eps),
    ), tuple(file.id2label[k] for k in order)  # fmt: skip


def _network_file(model: TrainedModel) -> NetworkFile:
    network = model.network
    if not isinstance(network, AudioSpectrogramTransformer):
        raise DataError(f"model: expected an AudioSpectrogramTransformer, found {type(network).__name__}")
    c = network.config
    needed = {
        "pooling": (c.pooling, "tokens"), "head": (network.head, "linear"), "variance": (network.variance, False),
        "patch_mels": (c.patch_mels, c.patch_frames), "max_frames": (c.max_frames, max(c.max_frames, c.patch_frames)),
        "names of outputs": (len(model.dimensions), network.num_outputs),
    }  # fmt: skip
    for name, (found, expected) in needed.items():
        if found != expected:
            raise DataError(
                f"model: expected {name} {expected!r}, found {found!r}; transformers has no such network, "
                "export one that was trained so"
            )
    return NetworkFile(
        model_type="audio-spectrogram-transformer", hidden_size=c.width, num_hidden_layers=c.depth,
        num_attention_heads=c.num_heads, intermediate_size=c.mlp_ratio * c.width, patch_size=c.patch_mels,
        frequency_stride=c.stride_mels, time_stride=c.stride_frames, max_length=c.max_frames, num_mel_bins=c.n_mels,
        layer_norm_eps=c.layer_norm_epsilon, hidden_dropout_prob=c.dropout,
        id2label={str(k): name for k, name in enumerate(model.dimensions)},
    )  # fmt: skip


def _frontend(path: Path, config: BackboneConfig) -> tuple[InputScale, dict[str, float | str]]:
    file = read_json(path, FRONTEND_FILE)
    if isinstance(file, OwnFile):
        return InputScale(file.mean_db, file.std_db), file.frontend
    if (file.num_mel_bins, file.max_length) != (config.n_mels, config.max_frames):
        raise DataError(
            f"{path}: expected {config.n_mels} mel bands and {config.max_frames} frames as in config.json, "
            f"found {file.num_mel_bins} and {file.max_length}; get both files from one place"
        )
    scale = InputScale(file.mean, 2.0 * file.std) if file.do_normalize else InputScale(0.0, 1.0)
    return scale, kaldi_frontend(file.sampling_rate, file.num_mel_bins)


def _frontend_file(model: TrainedModel) -> KaldiFile | OwnFile:
    scale, frontend, config = model.input_scale, model.frontend, model.network.config
    if frontend == kaldi_frontend(frontend["sample_rate_hz"], config.n_mels):
        return KaldiFile(
            feature_extractor_type="ASTFeatureExtractor", sampling_rate=frontend["sample_rate_hz"],
            num_mel_bins=config.n_mels, max_length=config.max_frames, mean=scale.mean_db, std=scale.std_db / 2.0,
        )  # fmt: skip
    return OwnFile(
        feature_extractor_type="CrescendaiFrontend", mean_db=scale.mean_db, std_db=scale.std_db, frontend=frontend
    )
