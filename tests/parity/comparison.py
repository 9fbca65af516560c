"""Ours and the reference side by side: largest absolute differences, module by module and as a whole."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from crescendai.models.ast import AudioSpectrogramTransformer
from crescendai.models.convert import from_hugging_face, published_name, to_hugging_face
from crescendai.models.encoder import EncoderBlock
from crescendai.models.heads import LinearHead
from crescendai.models.patches import PatchEmbedding, fit_frames
from tests.parity.reference import largest, reference_network, time_first, torch


class Pair(NamedTuple):
    """Two networks with the same weights."""

    network: AudioSpectrogramTransformer
    params: dict
    reference: "torch.nn.Module"


def pair_from(reference: "torch.nn.Module", network: AudioSpectrogramTransformer) -> Pair:
    """Their weights taken over."""
    state = {name: tensor.numpy() for name, tensor in reference.state_dict().items()}
    return Pair(network, from_hugging_face(state, network, "the reference"), reference)


def pair_to(params: dict, network: AudioSpectrogramTransformer, attention: str = "eager") -> Pair:
    """Our weights handed on, by the names that the reference has in memory."""
    reference = reference_network(network, attention)
    state = to_hugging_face(params, network, "ours")
    state = {name: torch.from_numpy(state[published_name(name)]) for name in reference.state_dict()}
    reference.load_state_dict(state)
    return Pair(network, params, reference)


def compare_modules(pair: Pair, x: np.ndarray) -> dict[str, float]:
    """Every module fed with what the reference's own feeds it."""
    c, backbone, body = pair.network.config, pair.params["backbone"], pair.reference.audio_spectrogram_transformer
    order = time_first(pair.network)
    with torch.no_grad():
        hidden = [body.embeddings(torch.from_numpy(x))]
        for layer in body.layers:
            hidden.append(layer(hidden[-1]))
        normed = body.layernorm(hidden[-1])
        pooled = normed[:, :2].mean(1)
        logits = pair.reference.classifier(pooled)
    hidden = [h.numpy()[:, order] for h in hidden]

    patches = PatchEmbedding(c.width, c.grid, c.max_time_patches).apply(
        {"params": backbone["patches"]}, fit_frames(x, c.grid)
    )
    tokens = backbone["tokens"] + backbone["token_positions"]
    embedded = np.concatenate([np.broadcast_to(tokens, (len(x), *tokens.shape)), patches], axis=1)
    differences = {"embedding": largest(embedded, hidden[0])}
    block = EncoderBlock(c.num_heads, c.mlp_ratio, 0.0, layer_norm_epsilon=c.layer_norm_epsilon)
    run_block = jax.jit(lambda params, h: block.apply({"params": params}, h, None, True)[0])
    for i in range(c.depth):
        out = run_block(backbone["encoder"][f"block_{i}"], hidden[i])
        differences[f"block {i}"] = largest(out, hidden[i + 1])
    norm = nn.LayerNorm(c.layer_norm_epsilon).apply({"params": backbone["encoder"]["norm"]}, hidden[-1])
    differences["closing norm"] = largest(norm, normed.numpy()[:, order])
    head = LinearHead(pair.network.num_outputs, layer_norm_epsilon=c.layer_norm_epsilon)
    differences["head"] = largest(head.apply({"params": pair.params["head"]}, pooled.numpy(), True), logits)
    return differences


def compare_whole(pair: Pair, x: np.ndarray) -> dict[str, float]:
    """Hidden states after every block, attention, pooled tokens and outputs, from the spectrogram on."""
    order = time_first(pair.network)
    with torch.no_grad():
        theirs = pair.reference(torch.from_numpy(x), output_hidden_states=True, output_attentions=True)
        body = pair.reference.audio_spectrogram_transformer(torch.from_numpy(x))

    @jax.jit
    def run(params: dict, x: jax.Array) -> tuple:
        return pair.network.apply(
            {"params": params}, x, return_attention=True, mutable=["intermediates"],
            capture_intermediates=lambda module, _: isinstance(module, EncoderBlock | nn.LayerNorm),
        )  # fmt: skip

    ours, caught = run(pair.params, x)
    encoder = caught["intermediates"]["backbone"]["encoder"]
    differences = {}
    for i in range(pair.network.config.depth):
        hidden = encoder[f"block_{i}"]["__call__"][0][0]
        differences[f"hidden {i}"] = largest(hidden, theirs.hidden_states[i + 1].numpy()[:, order])
        attention = theirs.attentions[i].numpy()[:, :, order][:, :, :, order]
        differences[f"attention {i}"] = largest(ours.attention[i], attention)
    last = encoder["norm"]["__call__"][0]
    differences["last"] = largest(last, body.last_hidden_state.numpy()[:, order])
    differences["pooled"] = largest(ours.pooled, body.pooler_output)
    differences["logits"] = largest(ours.ratings, theirs.logits)
    plain = jax.jit(lambda params, x: pair.network.apply({"params": params}, x))(pair.params, x)
    differences["logits without attention maps"] = largest(plain.ratings, theirs.logits)
    return differences


def compare_gradients(pair: Pair, x: np.ndarray) -> tuple[dict[str, float], dict[str, float]]:
    """Gradients of ``mean over clips of (w · outputs)``, ``|w| = 1``, by every parameter of theirs.

    Returns:
        Largest differences; and the largest gradients, for comparison.
    """
    weights = np.random.default_rng(7).standard_normal(pair.network.num_outputs).astype(np.float32)
    weights /= np.linalg.norm(weights)

    @jax.jit
    @jax.grad
    def gradient(params: dict) -> jax.Array:
        return jnp.mean(pair.network.apply({"params": params}, x).ratings @ weights)

    pair.reference.zero_grad()
    (pair.reference(torch.from_numpy(x)).logits @ torch.from_numpy(weights)).mean().backward()
    ours = to_hugging_face(gradient(pair.params), pair.network, "gradients")
    theirs = {published_name(name): parameter.grad for name, parameter in pair.reference.named_parameters()}
    assert ours.keys() == theirs.keys()
    differences = {name: largest(ours[name], theirs[name]) for name in ours}
    return differences, {name: float(theirs[name].abs().max()) for name in ours}
