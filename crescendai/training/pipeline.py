"""Pretraining and finetuning from Python, on arrays, without DVC.

::

    pipeline = ASTTrainingPipeline({"checkpoint_dir": "checkpoints", "results_dir": "results", "seed": 42})
    pipeline.pretrain(spectrograms)                        # nobody needs to have rated these
    metrics = pipeline.finetune(rated, ratings, groups)    # groups: what must not be on both sides
    model = load_model(pipeline.model_path)

It runs the functions that the stages run; what they read from params.yaml is `DEFAULTS` here, changed by the
dictionary that the pipeline is made with.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import numpy as np

from crescendai.audio.descriptors import describe_audio
from crescendai.datasets.splits import deal_groups
from crescendai.datasets.texts import write_texts
from crescendai.dimensions import NAMES, NUM_DIMENSIONS
from crescendai.errors import DataError, ParamsError
from crescendai.evaluation.metrics import evaluate_dimensions
from crescendai.evaluation.results import json_text
from crescendai.models.backbone import Backbone
from crescendai.models.checkpoint import TrainedModel, example_input, load_model, save_model
from crescendai.models.heads import in_rating_units
from crescendai.models.hybrid import HybridTransformer
from crescendai.models.prediction import make_predict
from crescendai.models.presets import BackboneConfig
from crescendai.models.transfer import transfer
from crescendai.models.windows import InputScale
from crescendai.training.augment import Augmentation
from crescendai.training.batches import Scales
from crescendai.training.clips import RatedClips, predict_rated
from crescendai.training.encoded import EncodedWindows
from crescendai.training.finetuning import Schedule, finetune
from crescendai.training.kernel_fit import with_kernel
from crescendai.training.lessons import Lessons
from crescendai.training.losses import LOSSES
from crescendai.training.optimizer import layer_factors, make_optimizer
from crescendai.training.pretexts import MASKED_OBJECTIVES, Excerpts, Masking, make_loss, make_model
from crescendai.training.pretraining import Course, Material, pretrain
from crescendai.training.resume import Resume
from crescendai.training.sharding import make_mesh
from crescendai.training.trainee import Trainee
from crescendai.training.watch import Watch

DEFAULTS: dict[str, object] = {
    "sample_rate_hz": 22050, "n_fft": 2048, "hop_length": 512, "n_mels": 128, "f_min_hz": 27.5, "f_max_hz": 11025.0,
    "floor_db": -100.0, "window_s": 4.0,
    "width": 96, "depth": 4, "num_heads": 4, "patch_frames": 4, "patch_mels": 128, "pooling": "statistics",
    "objective": "mae", "mask_share": 0.75, "cluster": (3, 5), "decoder": (64, 2, 4),
    "pretrain_lr": 1e-3, "pretrain_steps": 500, "pretrain_batch_size": 16,
    "lr": 2e-3, "epochs": 30, "batch_size": 16, "fusion": "concat", "fusion_width": 64, "dropout": 0.4,
    "loss": "mse", "weight_decay": 0.3, "test_fraction": 0.2,
    "kernel_weight": 0.5, "kernel_length_scale": 1.4, "kernel_penalty": 0.1,
    "kernel_shares": {"pooled": 0.5, "sound": 0.5},  # there is no MIDI, and so nothing to write down
}  # fmt: skip
FRONTEND = ("sample_rate_hz", "n_fft", "hop_length", "n_mels", "f_min_hz", "f_max_hz", "floor_db")
NETWORK = ("n_mels", "width", "depth", "num_heads", "patch_frames", "patch_mels", "pooling")
CHOICES = {"objective": MASKED_OBJECTIVES, "loss": tuple(LOSSES), "fusion": ("concat", "gated")}
BETAS, AVERAGE_DECAY, WARMUP = (0.9, 0.98), 0.99, 0.1


class ASTTrainingPipeline:
    """Trains a hybrid transformer on spectrograms that are in memory.

    config: ``checkpoint_dir`` (models and what a killed run goes on from), ``results_dir`` (curves and
        metrics), ``seed``, and any of `DEFAULTS`.

    Raises:
        ParamsError: an unknown key, one of the three missing, or a value that there is not.
    """

    def __init__(self, config: Mapping[str, object]):
        required = ("checkpoint_dir", "results_dir", "seed")
        missing, unknown = set(required) - set(config), set(config) - set(required) - set(DEFAULTS)
        if missing or unknown:
            raise ParamsError(
                f"ASTTrainingPipeline: expected {', '.join(required)} and any of {', '.join(DEFAULTS)}, "
                f"found {sorted(unknown)} unknown and {sorted(missing)} missing; correct the dictionary"
            )
        self.settings = {**DEFAULTS, **config}
        for name, known in CHOICES.items():
            if self.settings[name] not in known:
                raise ParamsError(
                    f"ASTTrainingPipeline: expected {name} of {', '.join(known)}, found {self.settings[name]!r}; "
                    "choose one"
                )
        if not 0 < self.settings["test_fraction"] <= 0.5:
            raise ParamsError(
                "ASTTrainingPipeline: expected test_fraction above 0, to 0.5, found "
                f"{self.settings['test_fraction']}; lower it"
            )
        shares = self.settings["kernel_shares"]
        try:
            right = set(shares) == set(DEFAULTS["kernel_shares"])
            right = right and all(0 <= share < np.inf for share in shares.values()) and sum(shares.values()) > 0
        except (TypeError, AttributeError):
            right = False
        if not right:
            raise ParamsError(
                "ASTTrainingPipeline: expected kernel_shares of pooled and sound, 0 or more and not both 0, found "
                f"{shares!r}; correct them"
            )
        self.seed = int(config["seed"])
        self.checkpoints, self.results = Path(config["checkpoint_dir"]), Path(config["results_dir"])
        self.pretrained_path, self.model_path = self.checkpoints / "pretrained", self.checkpoints / "finetuned"
        s = self.settings
        self.hop_s = s["hop_length"] / s["sample_rate_hz"]
        self.config = BackboneConfig(
            max_frames=round(s["window_s"] / self.hop_s), stride_frames=s["patch_frames"],
            stride_mels=s["patch_mels"], **{name: s[name] for name in NETWORK},
        )  # fmt: skip

    def pretrain(self, spectrograms: Sequence[np.ndarray]) -> dict[str, float]:
        """Lets the network teach itself; the last tenth of the recordings is held out.

        spectrograms: log-mel ``[t, f]`` in dB of recordings, made with the settings' frontend.

        Returns:
            The last row of the curve.

        Raises:
            DataError: fewer than two recordings as long as a window, or another number of mel bands than the settings'.
        """
        s = self.settings
        self._check_bands("pretraining", spectrograms)
        long_enough = [x for x in spectrograms if len(x) >= self.config.max_frames]
        if len(long_enough) < 2:
            raise DataError(
                f"pretraining: expected at least 2 recordings of {s['window_s']:g} s or more, found "
                f"{len(long_enough)} among {len(spectrograms)}; give longer ones or lower window_s"
            )
        cut = len(long_enough) - max(len(long_enough) // 10, 1)
        masking = Masking(s["mask_share"], tuple(s["cluster"]))
        model = make_model(s["objective"], self.config, *s["decoder"])
        scale = InputScale.of(long_enough[:cut])
        train, held_out = _excerpts(long_enough[:cut]), _excerpts(long_enough[cut:])
        material = Material(self.config, self.hop_s, scale, masking, train, held_out)
        steps = s["pretrain_steps"]
        course = Course(s["pretrain_lr"], WARMUP, steps, s["pretrain_batch_size"], max(steps // 10, 1))
        start = self._fresh(model)
        loss_of = make_loss(model, masking.num_visible(self.config), 1.0, 10.0)
        watch = self._watch("pretrain", long_enough)
        optimizer = make_optimizer(0.02, BETAS)
        weights, curve = pretrain(
            loss_of, optimizer, start, material, course, AVERAGE_DECAY, self.seed, make_mesh(), watch
        )
        save_model(TrainedModel(model, weights, scale, self._frontend()), self.pretrained_path)
        write_texts({self.results / "pretrain.json": json_text({"curve": curve})})
        watch.done()
        return curve[-1]

    def finetune(
        self, spectrograms: Sequence[np.ndarray], ratings: np.ndarray, groups: Sequence[str]
    ) -> dict[str, float]:
        """Trains on rated clips from what `pretrain` left, whose encoder stays as it is.

        ratings: ``[clip, 19]``, 0 to 1. groups: ``[clip]``; a group is either learned from or tested on.

        Returns:
            Scores on the groups held out, averaged over dimensions.

        Raises:
            DataError: clips, ratings and groups are not equally many, there is one group, nothing was pretrained with
                these settings, or clips have another number of mel bands.
        """
        s = self.settings
        self._check_bands("finetuning", spectrograms)
        ratings = np.asarray(ratings, float)
        if ratings.shape != (len(spectrograms), NUM_DIMENSIONS) or len(groups) != len(ratings):
            raise DataError(
                f"finetuning: expected {len(spectrograms)} rows of {NUM_DIMENSIONS} ratings and as many groups, found "
                f"{ratings.shape} and {len(groups)}; give one of each for every clip"
            )
        pretrained = load_model(self.pretrained_path)
        if pretrained.frontend != self._frontend() or pretrained.network.config != self.config:
            raise DataError(
                f"{self.pretrained_path}: expected a network pretrained with these settings, found one of others; "
                "call pretrain, or give the settings it had"
            )
        clips = _rated(spectrograms, ratings, self.hop_s)
        num_groups = len(set(groups))
        if num_groups < 2:
            raise DataError(f"finetuning: expected at least 2 groups, found {num_groups}; give clips of several")
        tested = deal_groups(groups, min(round(1 / s["test_fraction"]), num_groups), self.seed) == 0
        training, test = np.flatnonzero(~tested), np.flatnonzero(tested)
        scales = Scales.of(clips, training, pretrained.input_scale)

        model = HybridTransformer(
            self.config, NUM_DIMENSIONS, len(clips.descriptor_names), s["fusion"], s["fusion_width"],
            s["dropout"], s["dropout"], head_dropout=s["dropout"],
        )  # fmt: skip
        fresh, _ = transfer(self._fresh(model), pretrained.params)
        encoded = EncodedWindows.of(Backbone(self.config), fresh["backbone"], clips, scales.input)
        start = {part: values for part, values in fresh.items() if part != "backbone"}
        optimizer = make_optimizer(s["weight_decay"], BETAS)
        trainee = Trainee.of(
            model, s["loss"], optimizer, AVERAGE_DECAY, layer_factors(start, self.config.depth), 1, make_mesh()
        )
        lessons = Lessons(clips, scales, Augmentation(), encoded)
        schedule = Schedule(s["lr"], WARMUP, s["epochs"], 0, s["batch_size"])
        watch = self._watch("finetune", spectrograms, ratings, groups, pretrained.params)
        weights, curve = finetune(
            trainee, start, lessons, training, test, schedule, self.seed, "finetune", watch
        )
        weights = in_rating_units(weights, scales.ratings.mean, scales.ratings.std)
        how = s["kernel_weight"], s["kernel_length_scale"], s["kernel_penalty"], s["kernel_shares"]
        network, kernel = with_kernel(model, clips, encoded, training, scales.descriptors, *how)
        weights = {**weights, **kernel, "backbone": fresh["backbone"]}
        rated = predict_rated(
            make_predict(network), weights, clips, test, scales.input, scales.descriptors, self.config.max_frames,
            s["batch_size"],
        )  # fmt: skip
        metrics = {name: float(values.mean()) for name, values in evaluate_dimensions(ratings[test], rated).items()}
        trained = TrainedModel(network, weights, scales.input, self._frontend(), NAMES, scales.descriptors)
        save_model(trained, self.model_path)
        write_texts({self.results / "finetune.json": json_text({"metrics": metrics, "curve": curve})})
        watch.done()
        return metrics

    def _fresh(self, model: object) -> dict:
        return model.init(jax.random.key(self.seed), *example_input(model))["params"]

    def _check_bands(self, doing: str, spectrograms: Sequence[np.ndarray]) -> None:
        for place, x in enumerate(spectrograms):
            if x.ndim != 2 or x.shape[1] != self.settings["n_mels"]:
                raise DataError(
                    f"{doing}: expected spectrograms [t, {self.settings['n_mels']}], of n_mels mel bands, found "
                    f"{x.shape} in place {place}; make them with the settings' frontend, or give n_mels and patch_mels"
                )

    def _frontend(self) -> dict[str, float | str]:
        return {"kind": "logmel", **{name: self.settings[name] for name in FRONTEND}}

    def _watch(self, what: str, *data: object) -> Watch:
        """Of a run that follows from the settings and from ``data``, arrays and texts in whatever tree."""
        digest = hashlib.sha256()
        for leaf in jax.tree.leaves(data):
            digest.update(np.ascontiguousarray(leaf).tobytes() if not isinstance(leaf, str) else leaf.encode())
        settings = {name: str(value) for name, value in self.settings.items()}
        key = {"what": what, **settings, "data": digest.hexdigest()}
        return Watch(self.results, Resume(self.checkpoints / "resume", key))


def _excerpts(spectrograms: Sequence[np.ndarray]) -> Excerpts:
    return Excerpts(lambda row: spectrograms[row], np.array([len(x) for x in spectrograms]), None)


def _rated(spectrograms: Sequence[np.ndarray], ratings: np.ndarray, hop_s: float) -> RatedClips:
    described = [describe_audio(x, hop_s) for x in spectrograms]
    return RatedClips(
        ratings, np.ones(len(ratings)), np.zeros_like(ratings), [np.array([row]) for row in range(len(ratings))],
        lambda row: spectrograms[row], np.array([list(row.values()) for row in described]), tuple(described[0]),
    )  # fmt: skip
