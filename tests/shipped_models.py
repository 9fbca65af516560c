"""A model like the one that is shipped, small and with random weights, in the folder that it is shipped in."""

from pathlib import Path

import numpy as np

from crescendai.audio.descriptors import describe_audio
from crescendai.dimensions import NAMES
from crescendai.models.checkpoint import TrainedModel, save_model
from crescendai.models.descriptors import DescriptorScale
from crescendai.models.hearing import HEARD_NAMES
from crescendai.models.hybrid import HybridTransformer
from crescendai.models.presets import BackboneConfig
from crescendai.models.transcription import Transcriber
from crescendai.models.windows import InputScale
from crescendai.shipped import Intervals, pack_model
from tests.models.networks import weights

FRONTEND = {
    "kind": "logmel", "sample_rate_hz": 11025, "n_fft": 1024, "hop_length": 512, "n_mels": 32, "f_min_hz": 27.5,
    "f_max_hz": 5512.5, "floor_db": -100.0,
}  # fmt: skip


def small_trained(seed: int = 0) -> TrainedModel:
    """A hybrid of one block with a listener, both random in every weight; ratings lie around 0.5."""
    config = BackboneConfig(
        n_mels=32, max_frames=96, width=16, depth=1, num_heads=2, patch_frames=4, patch_mels=32, stride_frames=4,
        stride_mels=32, pooling="statistics",
    )  # fmt: skip
    names = (*describe_audio(np.full((9, 32), -60.0), 0.05), *HEARD_NAMES)
    scale, ears = InputScale(-70.0, 20.0), Transcriber(config)
    heard_with = weights(ears, seed)
    heard_with["transcription"]["rolls"]["bias"] -= 3.0  # strokes are rare, else thousands are described
    listener = TrainedModel(ears, heard_with, scale, FRONTEND)
    network = HybridTransformer(config, len(NAMES), len(names), fusion_width=8)
    params = weights(network, seed)
    params["head"]["ratings"]["kernel"] *= 0.1
    params["head"]["ratings"]["bias"] = np.full(len(NAMES), 0.5, np.float32)
    described = DescriptorScale(names, (0.0,) * len(names), (50.0,) * len(names))
    return TrainedModel(network, params, scale, FRONTEND, NAMES, described, listener)


def small_shipped(folder: Path) -> Path:
    """Makes ``folder`` a shipped model."""
    made = folder.with_name(folder.name + "-made")
    model = small_trained()
    save_model(model.listener, made / "listener")
    save_model(model, made / "model", made / "listener")
    intervals = Intervals(0.9, {name: 0.1 + 0.01 * k for k, name in enumerate(NAMES)})
    pack_model(made / "model", made / "listener", intervals, "# Small\n\nFor tests.\n", "small", "1.2", folder)
    return folder
