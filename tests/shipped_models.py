"""A model like the one that is shipped, small and with random weights, in the folder that it is shipped in."""

from pathlib import Path

import jax
import numpy as np

from crescendai.audio.descriptors import describe_audio
from crescendai.dimensions import NAMES
from crescendai.models.checkpoint import TrainedModel
from crescendai.models.hearing import HEARD_NAMES
from crescendai.models.hybrid import HybridTransformer
from crescendai.models.presets import BackboneConfig
from crescendai.models.transcription import Transcriber
from crescendai.models.windows import InputScale
from crescendai.shipped import Intervals, pack_model
from tests.descriptor_scales import normal_scale
from tests.models.networks import weights

MEMBERS = 2
KERNEL_CLIPS = 7
FRONTEND = {
    "kind": "logmel", "sample_rate_hz": 11025, "n_fft": 1024, "hop_length": 512, "n_mels": 32, "f_min_hz": 27.5,
    "f_max_hz": 5512.5, "floor_db": -100.0,
}  # fmt: skip


def small_trained(seed: int = 0, fusion: str = "concat") -> TrainedModel:
    """A hybrid of two members and one block with a kernel and a listener, all random in every weight; ratings lie
    around 0.5.
    """
    config = BackboneConfig(
        n_mels=32, max_frames=96, width=16, depth=1, num_heads=2, patch_frames=4, patch_mels=32, stride_frames=4,
        stride_mels=32, pooling="statistics",
    )  # fmt: skip
    names = (*describe_audio(np.full((9, 32), -60.0), 0.05), *HEARD_NAMES)
    scale, ears = InputScale(-70.0, 20.0), Transcriber(config)
    heard_with = weights(ears, seed)
    heard_with["transcription"]["rolls"]["bias"] -= 3.0  # strokes are rare, else thousands are described
    listener = TrainedModel(ears, heard_with, scale, FRONTEND)
    kernel = {"kernel_clips": KERNEL_CLIPS, "kernel_weight": 0.5, "kernel_length_scale": 1.4}
    network = HybridTransformer(config, len(NAMES), len(names), fusion, fusion_width=8, **kernel)
    each = [weights(network, seed + member) for member in range(MEMBERS)]
    for params in each:
        params["head"]["ratings"]["kernel"] *= 0.1
        params["head"]["ratings"]["bias"] = np.full(len(NAMES), 0.5, np.float32)
        del params["backbone"]  # as in what is shipped, it is the listener's
    likeness = [params.pop("kernel") for params in each][-1]  # one for all members
    likeness["coefficients"] *= 0.1
    likeness |= {"std": np.ones(config.pooled_width, np.float32), "bias": np.full(len(NAMES), 0.5, np.float32),
                 "share": np.full(len(names), 0.5 / len(names), np.float32)}  # fmt: skip
    shared = {"backbone": heard_with["backbone"], "kernel": likeness}
    params = {**jax.tree.map(lambda *own: np.stack(own), *each), **shared}
    described = normal_scale(names, 50.0)
    return TrainedModel(network, params, scale, FRONTEND, NAMES, described, listener, MEMBERS)


def small_shipped(folder: Path) -> Path:
    """Makes ``folder`` a shipped model."""
    intervals = Intervals(0.9, {name: 0.1 + 0.01 * k for k, name in enumerate(NAMES)})
    pack_model(small_trained(), intervals, "# Small\n\nFor tests.\n", "small", "1.2", folder)
    return folder
