"""Makes the golden files: what transformers says of a tiny network and of three sounds.

    python -m tests.parity.make_golden

Needs the ``bench`` extra and no torchaudio. Last made with transformers 5.24.0 and torch 2.13.0 on CPU.
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from crescendai.models.convert import published_name
from tests.parity.reference import random_input, randomise, reference_network, tiny, torch, transformers

GOLDEN = Path(__file__).parent / "golden"
NETWORK = tiny(4, (3, 2))
RATE_HZ = 16_000


def main() -> None:
    folder, c = GOLDEN / "ast", NETWORK.config
    reference = randomise(reference_network(NETWORK), seed=3)
    reference.save_pretrained(folder)
    transformers.ASTFeatureExtractor(num_mel_bins=c.n_mels, max_length=c.max_frames).save_pretrained(folder)
    save_file(network_says(reference, random_input(NETWORK, clips=2, seed=4)), GOLDEN / "ast.safetensors")

    extract = transformers.ASTFeatureExtractor(max_length=40)
    tensors = {}
    for name, audio in sounds().items():
        values = extract(audio / np.float32(32768), sampling_rate=RATE_HZ, return_tensors="np")["input_values"][0]
        tensors |= {f"audio/{name}": audio, f"input/{name}": values}
    save_file(tensors, GOLDEN / "fbank.safetensors")


def network_says(reference: "torch.nn.Module", x: np.ndarray) -> dict[str, np.ndarray]:
    """Input, hidden states, attention of the last block, pooled tokens, outputs and the gradients of their mean."""
    inputs = torch.from_numpy(x)
    out = reference(inputs, output_hidden_states=True, output_attentions=True)
    out.logits.mean().backward()
    gradients = {f"gradient/{published_name(name)}": p.grad for name, p in reference.named_parameters()}
    tensors = {
        "input": inputs,
        **{f"hidden/{i}": hidden for i, hidden in enumerate(out.hidden_states)},
        "attention": out.attentions[-1][:1],
        "pooled": reference.audio_spectrogram_transformer(inputs).pooler_output,
        "logits": out.logits,
        **gradients,
    }
    return {name: tensor.detach().numpy().copy() for name, tensor in tensors.items()}


def sounds() -> dict[str, np.ndarray]:
    """16-bit sounds at 16 kHz: noise, a chord longer than the 40 frames, and a click in silence, 30 ms long."""
    rng = np.random.default_rng(5)
    seconds = np.arange(RATE_HZ // 2) / RATE_HZ
    chord = sum(np.sin(2 * np.pi * hz * seconds) for hz in (130.8, 329.6, 1568.0)) * np.exp(-4 * seconds)
    click = np.zeros(480)
    click[200] = 1.0
    sounds = {"noise": 0.1 * rng.standard_normal(RATE_HZ // 5), "chord": 0.3 * chord, "click": click}
    return {name: np.round(32767 * sound).astype(np.int16) for name, sound in sounds.items()}


if __name__ == "__main__":
    main()
