"""The typed, validated view of params.yaml. It holds no values of its own: all are in the file.

`dvc exp run -S lr=1e-5` writes ``1e-05``, which YAML 1.1 readers take for a string; the file is
therefore read as YAML 1.2.
"""

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from crescendai.errors import ParamsError

PARAMS_FILE = Path("params.yaml")

Fraction = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
NotNegative = Annotated[float, Field(ge=0)]
Betas = Annotated[list[Share], Field(min_length=2, max_length=2)]


def _as_list(value: object) -> object:
    # `-S split=performer` writes a bare word where the file has a list.
    return [value] if isinstance(value, str) else value


def _each_once(values: list) -> list:
    if len(set(values)) < len(values):
        raise ValueError("expected every value once")
    return values


ProtocolList = Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)]


class _Section(BaseModel):
    # A mistyped key or a number in quotes is an error, never a silent default.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Instruments = Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)]
NoInstruments = Annotated[list[str], Field(max_length=0)]


class Render(_Section):
    sample_rate_hz: Annotated[int, Field(ge=8000, le=192_000)]
    release_tail_s: Annotated[float, Field(ge=0)]
    shard_mb: Count


class Spectrograms(_Section):
    n_fft: Count
    hop_length: Count
    n_mels: Count
    f_min_hz: Annotated[float, Field(ge=0)]
    f_max_hz: Positive
    floor_db: Annotated[float, Field(lt=0)]


class Folds(_Section):
    n_folds: Annotated[int, Field(ge=2)]


class Baselines(_Section):
    ridge_alphas: Annotated[list[Positive], Field(min_length=1)]
    svr_c: Annotated[list[Positive], Field(min_length=1)]
    trees: Count


class Network(_Section):
    width: Count
    depth: Count
    num_heads: Count
    patch_frames: Count
    patch_mels: Count
    pooling: Literal["mean", "statistics", "tokens"]
    precision: Literal["float32", "bfloat16"]


class Decoder(_Section):
    width: Count
    depth: Count
    num_heads: Count


class Pretrain(_Section):
    objective: Literal["mspm", "mae", "transcribe"]
    optimizer: Literal["adamw", "muon"]
    lr: Positive
    warmup_fraction: Share
    weight_decay: NotNegative
    adam_betas: Betas
    average_decay: Share
    mask_share: Fraction
    cluster: Annotated[list[Count], Field(min_length=2, max_length=2)]
    discriminative_weight: NotNegative
    generative_weight: NotNegative
    decoder: Decoder


class FinetunedModel(_Section):
    pretrained: bool
    fusion: Literal["none", "concat", "gated", "attention"]
    frozen: bool
    members: Count

    @model_validator(mode="after")
    def _members_share_an_encoder(self) -> "FinetunedModel":
        if self.members > 1 and not self.frozen:
            raise ValueError("expected members: 1 where the encoder learns, which all members share")
        return self

    @model_validator(mode="after")
    def _attention_needs_patches(self) -> "FinetunedModel":
        if self.frozen and self.fusion == "attention":
            raise ValueError("expected fusion none, concat or gated for a frozen encoder, whose patches are not kept")
        return self


class Checks(_Section):
    every_protocol: bool
    shares: Annotated[list[Fraction], AfterValidator(_each_once)]
    shuffled_ratings: bool


class KernelShares(_Section):
    pooled: NotNegative
    sound: NotNegative
    played: NotNegative
    harmony: NotNegative

    @model_validator(mode="after")
    def _compares_something(self) -> "KernelShares":
        if not self.pooled + self.sound:
            raise ValueError("expected a share above 0 of pooled or sound, which every clip has")
        return self


class Finetune(_Section):
    models: Annotated[dict[str, FinetunedModel], Field(min_length=1)]
    checks: Checks
    loss: Literal["mse", "huber", "ccc", "pearson", "likelihood"]
    head: Literal["linear", "grouped"]
    variance: bool
    frozen_blocks: Annotated[int, Field(ge=0)]
    layer_rate_decay: Annotated[float, Field(gt=0, le=1)]
    fusion_width: Count
    dropout: Share
    head_dropout: Share
    pooled_dropout: Share
    descriptor_dropout: Share
    kernel_weight: Annotated[float, Field(ge=0, le=1)]
    kernel_length_scale: Positive
    kernel_penalty: Positive
    kernel_shares: KernelShares
    stochastic_depth: Share
    patchout: Share
    weight_decay: NotNegative
    adam_betas: Betas
    warmup_fraction: Share
    average_decay: Share
    accumulation: Count
    time_mask: Share
    mel_mask: Share
    mixup: NotNegative
    gain_db: NotNegative
    validation_fraction: Fraction


class Compute(_Section):
    backend: Literal["loky", "dask", "ray"]
    address: str
    workers: Annotated[int, Field(ge=0)]
    data: Count
    fsdp: Count


class Evaluate(_Section):
    bootstrap_samples: Count
    confidence: Fraction
    coverage: Fraction
    intervals_from: str


class DemoSource(_Section):
    pieces: Count
    passages_per_piece: Count
    players: Annotated[int, Field(ge=2)]
    raters: Annotated[int, Field(ge=2)]


class DemoPretraining(_Section):
    instruments: Instruments
    players: Annotated[int, Field(ge=2)]


class PercePianoSource(_Section):
    commit: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]


class MaestroPretraining(_Section):
    instruments: Instruments
    hours: Positive
    held_out_hours: Positive
    pedal_shares: Annotated[list[Annotated[float, Field(ge=0, le=1)]], Field(min_length=1)]
    recordings: Literal["none", "some", "all"]
    exclude_pieces: list[str]

    @model_validator(mode="after")
    def _every_piano_with_every_share(self) -> "MaestroPretraining":
        pianos, shares = len(self.instruments), len(self.pedal_shares)
        if math.gcd(pianos, shares) > 1:
            raise ValueError(f"expected numbers of instruments and pedal_shares without a common divisor, so that each "
                             f"piano is heard with each share; found {pianos} and {shares}")
        return self


class FolderSource(_Section):
    folder: str
    table: str
    rating_range: Annotated[list[float], Field(min_length=2, max_length=2)]

    @model_validator(mode="after")
    def _low_below_high(self) -> "FolderSource":
        if not self.rating_range[0] < self.rating_range[1]:
            raise ValueError("expected the lowest rating, then a higher one")
        return self


class CCMusicSource(_Section):
    folder: str


class PretrainScale(_Section):
    steps: Count
    batch_size: Count
    check_every: Count


class FinetuneScale(_Section):
    batch_size: Count
    frozen_epochs: Count
    max_epochs: Count
    patience: Count


class _CorpusScale(_Section):
    """What every corpus has."""

    instruments: Instruments
    protocols: ProtocolList
    window_s: Positive
    probe_clips: Count
    network: Network
    pretrain: PretrainScale
    finetune: FinetuneScale


class DemoScale(_CorpusScale):
    source: DemoSource
    pretraining: DemoPretraining


class PercePianoScale(_CorpusScale):
    source: PercePianoSource
    pretraining: MaestroPretraining


class FolderScale(_CorpusScale):
    source: FolderSource
    pretraining: DemoPretraining | MaestroPretraining


class CCMusicScale(_CorpusScale):
    source: CCMusicSource
    instruments: NoInstruments
    pretraining: DemoPretraining | MaestroPretraining


class Scale(_Section):
    demo: DemoScale
    percepiano: PercePianoScale
    folder: FolderScale
    ccmusic: CCMusicScale


class Params(_Section):
    """All of params.yaml."""

    corpus: Literal["demo", "percepiano", "folder", "ccmusic"]
    lr: Positive
    split: ProtocolList
    seed: Annotated[int, Field(ge=0)]
    render: Render
    spectrograms: Spectrograms
    folds: Folds
    baselines: Baselines
    pretrain: Pretrain
    finetune: Finetune
    compute: Compute
    evaluate: Evaluate
    scale: Scale

    def split_of(self, corpus: str) -> list[str]:
        """The protocols that networks are trained on: `split`, but all of its own for folder and ccmusic."""
        scale = getattr(self.scale, corpus)
        return scale.protocols if isinstance(scale, FolderScale | CCMusicScale) else self.split


def load_params(path: Path = PARAMS_FILE) -> Params:
    """Reads and checks params.yaml.

    Raises:
        ParamsError: no file, not YAML, or a key that is unknown, missing or out of range; the
            message names every such key.
    """
    try:
        raw = YAML(typ="safe", pure=True).load(path.read_text())
        return Params.model_validate(raw)
    except FileNotFoundError as error:
        raise ParamsError(f"{path}: expected here, not found; run from the project's top folder") from error
    except YAMLError as error:
        raise ParamsError(f"{path}: expected YAML, found: {str(error).splitlines()[0]}; mend the file") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg'].lower()}"
            + ("" if problem["type"] in ("missing", "extra_forbidden") else f", found {problem['input']!r}")
            for problem in error.errors()
        )
        raise ParamsError(f"{path}: {problems}; correct it there or with dvc exp run -S key=value") from error
