"""A row of `finetune.models`, from its settings to a network that has learned from the ratings of some clips."""

from typing import NamedTuple

import jax
import numpy as np

from crescendai.datasets.targets import Targets
from crescendai.models.ast import AudioSpectrogramTransformer
from crescendai.models.backbone import Backbone
from crescendai.models.checkpoint import TrainedModel, example_input, flatten
from crescendai.models.descriptors import DescriptorScale
from crescendai.models.heads import in_rating_units
from crescendai.models.hearing import HEARD
from crescendai.models.hybrid import HybridTransformer
from crescendai.models.members import begin_members
from crescendai.models.prediction import RatingNetwork, make_predict
from crescendai.models.presets import BackboneConfig
from crescendai.models.transfer import transfer
from crescendai.models.windows import InputScale
from crescendai.params import Finetune, FinetunedModel, FinetuneScale, Params
from crescendai.training.augment import Augmentation
from crescendai.training.batches import Scales
from crescendai.training.clips import RatedClips, predict_rated
from crescendai.training.encoded import EncodedWindows, rate_encoded
from crescendai.training.finetuning import Schedule, finetune
from crescendai.training.kernel_fit import with_kernel
from crescendai.training.lessons import Lessons
from crescendai.training.optimizer import layer_factors, make_optimizer
from crescendai.training.sharding import make_mesh
from crescendai.training.trainee import Trainee
from crescendai.training.watch import Watch


class Pupil(NamedTuple):
    """A row of `finetune.models`, ready to learn; all folds begin with it.

    targets: what is learned. clips: with the descriptors that this row may know.
    start: parameters that learn; frozen: those that do not, and encoded: what they make of the clips, or None.
    input_scale: that of pretraining; None where each fold measures its own.
    """

    trainee: Trainee
    targets: Targets
    clips: RatedClips
    start: dict
    frozen: dict
    encoded: EncodedWindows | None
    input_scale: InputScale | None
    schedule: Schedule


def make_pupil(
    name: str, row: FinetunedModel, clips: RatedClips, targets: Targets, pretrained: TrainedModel,
    scale: FinetuneScale, params: Params, encoded: EncodedWindows | None = None,
) -> Pupil:  # fmt: skip
    """The network of a row, and what it starts with.

    encoded: what the row's frozen encoder makes of the clips, where another row has heard them with it; else they
        are listened to.
    """
    # Without pretraining, nothing that a pretrained network heard may be known either.
    clips = clips if row.pretrained else clips.as_sound_alone()
    config = pretrained.network.config
    model = make_network(config, params.finetune, row.fusion, len(targets.names), len(clips.descriptor_names))
    inputs = example_input(model)
    fresh = jax.jit(lambda: begin_members(lambda key: model.init(key, *inputs)["params"], params.seed, row.members))()
    if row.pretrained:
        fresh, account = transfer(fresh, pretrained.params)
        print(f"{name}: {account}")
    input_scale = pretrained.input_scale if row.pretrained or row.frozen else None
    frozen = {"backbone": fresh["backbone"]} if row.frozen else {}
    if row.frozen and encoded is None:  # it says the same of a window every time, and so listens once
        encoded = EncodedWindows.of(Backbone(model.config), fresh["backbone"], clips, input_scale)
    start = {part: values for part, values in fresh.items() if part not in frozen}
    counts = [sum(array.size for array in flatten(parameters).values()) / 1e6 for parameters in (fresh, start)]
    print(f"{name}: {counts[0]:.2f} million parameters, {counts[1]:.2f} of them learn")
    epochs, patience = (scale.frozen_epochs, 0) if row.frozen else (scale.max_epochs, scale.patience)
    schedule = Schedule(params.lr, params.finetune.warmup_fraction, epochs, patience, scale.batch_size)
    trainee = make_trainee(model, start, row, params)
    return Pupil(trainee, targets, clips, start, frozen, encoded, input_scale, schedule)


def learn(
    pupil: Pupil, training: np.ndarray, validation: np.ndarray, pretrained: TrainedModel, params: Params, where: str,
    watch: Watch,
) -> tuple[TrainedModel, list[dict[str, float]]]:  # fmt: skip
    """One fold: the network that has learned, giving ratings in their own units, and its curve.

    A hybrid with a frozen encoder has a kernel fitted beside it then, of which the curve knows nothing.
    """
    settings = params.finetune
    augmentation = Augmentation(settings.time_mask, settings.mel_mask, settings.mixup, settings.gain_db)
    scales = Scales.of(pupil.clips, training, pupil.input_scale)
    lessons = Lessons(pupil.clips, scales, augmentation, pupil.encoded)
    weights, curve = finetune(
        pupil.trainee, pupil.start, lessons, training, validation, pupil.schedule, params.seed, where, watch
    )
    mean, std = scales.ratings.mean.astype(np.float32), scales.ratings.std.astype(np.float32)
    weights = in_rating_units(weights, mean, std)
    described = scales.descriptors if pupil.trainee.described else None
    network, kernel = pupil.trainee.model, {}
    if pupil.encoded is not None and described is not None:
        how = (settings.kernel_weight, settings.kernel_length_scale, settings.kernel_penalty,
               settings.kernel_shares.model_dump())  # fmt: skip
        network, kernel = with_kernel(network, pupil.clips, pupil.encoded, training, described, *how)
    knows_heard = described is not None and any(name.startswith(HEARD) for name in described.names)
    trained = TrainedModel(
        network, {**pupil.frozen, **weights, **kernel}, scales.input, pretrained.frontend, pupil.targets.names,
        described, pretrained if knows_heard else None, pupil.trainee.members,
    )  # fmt: skip
    return trained, curve


def rate(pupil: Pupil, trained: TrainedModel, chosen: np.ndarray) -> np.ndarray:
    """Ratings of the clips at ``chosen``: ``[clip, k]``, as `crescendai.models.rating` gives them from the sound."""
    if pupil.encoded is not None:
        heads = {part: values for part, values in trained.params.items() if part not in pupil.frozen}
        # A network that takes none does not look at them.
        scale = trained.descriptors or DescriptorScale.mute(pupil.clips.descriptor_names)
        judge = make_predict(trained.network, trained.members).judge
        return rate_encoded(judge, heads, pupil.clips, pupil.encoded, chosen, scale)
    return predict_rated(
        pupil.trainee.predict, trained.params, pupil.clips, chosen, trained.input_scale, trained.descriptors,
        trained.network.config.max_frames, pupil.schedule.batch_size,
    )  # fmt: skip


def make_network(
    config: BackboneConfig, settings: Finetune, fusion: str, num_targets: int, num_descriptors: int
) -> RatingNetwork:
    """The network of a row of ``finetune.models``: the pretrained one's sizes, finetuning's dropout."""
    config = config.replace(
        dropout=settings.dropout, stochastic_depth=settings.stochastic_depth, patchout=settings.patchout
    )
    heads = {"head": settings.head, "head_dropout": settings.head_dropout, "variance": settings.variance}
    if fusion == "none":
        return AudioSpectrogramTransformer(config, num_targets, **heads)
    return HybridTransformer(
        config, num_targets, num_descriptors, fusion, settings.fusion_width, settings.pooled_dropout,
        settings.descriptor_dropout, **heads,
    )  # fmt: skip


def make_trainee(model: RatingNetwork, start: dict, row: FinetunedModel, params: Params) -> Trainee:
    """The network with its optimiser and compiled functions."""
    settings = params.finetune
    frozen_blocks, decay = (settings.frozen_blocks, settings.layer_rate_decay) if row.pretrained else (0, 1.0)
    factors = layer_factors(start, model.config.depth, decay, frozen_blocks)
    optimizer = make_optimizer(settings.weight_decay, settings.adam_betas)
    mesh = make_mesh(params.compute.data, params.compute.fsdp)
    return Trainee.of(
        model, settings.loss, optimizer, settings.average_decay, factors, settings.accumulation, mesh, row.members
    )
