"""Ours is the reference: transformers' AST with the same weights gives the same numbers, gradients included.

Weights go both ways: ours into theirs, and theirs into ours. Activations are of order 1, numbers float32.
"""

from pathlib import Path

import numpy as np
import pytest

from crescendai.models.ast import AudioSpectrogramTransformer, count_parameters
from crescendai.models.checkpoint import TrainedModel
from crescendai.models.hugging_face import export_model, import_model, kaldi_frontend
from crescendai.models.windows import InputScale
from tests.parity.comparison import (
    Pair,
    compare_gradients,
    compare_modules,
    compare_whole,
    pair_from,
    pair_to,
)
from tests.parity.reference import (
    SINGLE,
    WHOLE,
    base,
    largest,
    random_input,
    random_weights,
    randomise,
    reference_network,
    tiny,
    torch,
    transformers,
)

NETWORKS = {
    "strides 3 and 2": tiny(4, (3, 2)), "patches side by side": tiny(4, (4, 4)),
    "stride 10": tiny(16, (10, 10)), "stride 16": tiny(16, (16, 16)),
}  # fmt: skip
BASES = [pytest.param(base(stride), id=f"base, stride {stride}", marks=pytest.mark.slow) for stride in (10, 16)]


@pytest.fixture(params=["ours into theirs", "theirs into ours"])
def pair(request: pytest.FixtureRequest, network: AudioSpectrogramTransformer) -> Pair:
    if request.param == "ours into theirs":
        return pair_to(random_weights(network), network)
    return pair_from(randomise(reference_network(network)), network)


every_network = pytest.mark.parametrize("network", [*(pytest.param(n, id=i) for i, n in NETWORKS.items()), *BASES])


@every_network
def test_each_module_is_the_references(pair: Pair):
    differences = compare_modules(pair, random_input(pair.network, clips=1))
    assert max(differences.values()) <= SINGLE, differences


@every_network
def test_the_whole_is_the_reference(pair: Pair):
    differences = compare_whole(pair, random_input(pair.network, clips=1))
    assert max(differences.values()) <= WHOLE, differences
    # Attention is a share, small with many keys: it is held to more.
    assert max(value for name, value in differences.items() if "attention" in name) <= SINGLE, differences


@every_network
def test_gradients_are_the_references(pair: Pair):
    differences, sizes = compare_gradients(pair, random_input(pair.network, clips=1))
    assert max(differences.values()) <= WHOLE, differences
    for name, difference in differences.items():
        if name.endswith("key.bias"):  # moves all logits of a query alike, so softmax takes it out: truly zero
            assert sizes[name] <= 1e-6
        else:
            assert difference <= WHOLE * sizes[name], name


def test_batches_and_fused_attention_agree_too():
    network = NETWORKS["stride 10"]
    pair = pair_to(random_weights(network), network, attention="sdpa")
    x = random_input(network, clips=3)
    with torch.no_grad():
        theirs = pair.reference(torch.from_numpy(x)).logits
    assert largest(network.apply({"params": pair.params}, x).ratings, theirs) <= WHOLE


@every_network
def test_parameter_counts_are_equal(network: AudioSpectrogramTransformer):
    with torch.device("meta"):
        reference = reference_network(network)
    assert count_parameters(network) == sum(parameter.numel() for parameter in reference.parameters())


def test_the_published_size_has_the_published_number_of_parameters():
    assert count_parameters(base(10)) == 86_594_063  # of transformers' network; the published text says 87 million


def test_transformers_reads_what_is_exported(tmp_path: Path):
    network = NETWORKS["stride 10"]
    model = TrainedModel(
        network, random_weights(network), InputScale(-4.2, 9.1), kaldi_frontend(16_000, network.config.n_mels),
        ("a", "b", "c", "d", "é"),
    )  # fmt: skip
    export_model(model, tmp_path / "exported")
    reference, report = transformers.ASTForAudioClassification.from_pretrained(
        tmp_path / "exported", output_loading_info=True
    )
    assert not any(report.values()), report
    assert reference.config.id2label == dict(enumerate(model.dimensions))
    x = random_input(network, clips=2)
    with torch.no_grad():
        theirs = reference.eval()(torch.from_numpy(x)).logits
    assert largest(network.apply({"params": model.params}, x).ratings, theirs) <= WHOLE


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_what_transformers_writes_is_imported(tmp_path: Path, file: str):
    network = NETWORKS["stride 16"]
    reference = randomise(reference_network(network))
    reference.save_pretrained(tmp_path)
    if file == "pytorch_model.bin":
        (tmp_path / "model.safetensors").unlink()
        torch.save(reference.state_dict(), tmp_path / file)
    c = network.config
    transformers.ASTFeatureExtractor(num_mel_bins=c.n_mels, max_length=c.max_frames).save_pretrained(tmp_path)
    model = import_model(tmp_path)
    assert model.network == network
    assert model.dimensions == tuple(f"LABEL_{k}" for k in range(5))
    x = random_input(network, clips=2)
    with torch.no_grad():
        theirs = reference(torch.from_numpy(x)).logits
    assert largest(network.apply({"params": model.params}, x).ratings, theirs) <= WHOLE


def test_transformers_refuses_an_input_that_it_cannot_make(tmp_path: Path):
    network = NETWORKS["stride 10"]
    frontend = {"kind": "logmel", "sample_rate_hz": 22050, "hop_length": 512, "floor_db": -100.0}
    model = TrainedModel(network, random_weights(network), InputScale(-60.0, 20.0), frontend, tuple("abcde"))
    export_model(model, tmp_path / "exported")
    with pytest.raises(ValueError, match="feature extractor"):
        transformers.AutoFeatureExtractor.from_pretrained(tmp_path / "exported")


def test_random_activations_are_of_order_1():
    network = NETWORKS["stride 10"]
    rated = network.apply({"params": random_weights(network)}, random_input(network, clips=8))
    assert 0.3 < np.std(rated.pooled) < 3 and 0.3 < np.std(rated.ratings) < 3
