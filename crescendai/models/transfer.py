"""From pretraining to finetuning: which parameters are taken over, and none in silence."""

from dataclasses import dataclass

import numpy as np

from crescendai.errors import DataError
from crescendai.models.checkpoint import flatten, unflatten
from crescendai.models.patches import resize_positions

POSITIONS = "backbone/patches/positions"
BACKBONE = "backbone/"
PRETEXT_ONLY = ("backbone/mask_token",)  # stands for hidden patches; nothing is hidden while rating


@dataclass(frozen=True)
class Transfer:
    """An account of every parameter of both networks.

    taken: from the pretrained network. new: the finetuned network's own. left: of no use to it.
    """

    taken: tuple[str, ...]
    new: tuple[str, ...]
    left: tuple[str, ...]

    def __str__(self) -> str:
        def top(names: tuple[str, ...]) -> str:
            return ", ".join(sorted({name.split("/")[0] for name in names})) or "none"

        return (
            f"{len(self.taken)} parameters taken from pretraining, {len(self.new)} new ({top(self.new)}), "
            f"{len(self.left)} left behind ({top(self.left)})"
        )


def transfer(params: dict, pretrained: dict) -> tuple[dict, Transfer]:
    """Puts a pretrained backbone into a network's fresh parameters.

    params: of an `AudioSpectrogramTransformer` or a `HybridTransformer`.
    pretrained: of a pretext's network. Heads and decoders are left behind; positions of another grid are
        cut or interpolated, see `resize_positions`.

    Raises:
        DataError: a parameter of either backbone has no counterpart, or one of another shape.
    """
    own = flatten(params)
    given = {name: np.asarray(array) for name, array in flatten(pretrained).items()}
    left = tuple(name for name in given if name in PRETEXT_ONLY or not name.startswith(BACKBONE))
    taken, unfit = {}, []
    for name in given.keys() - set(left):
        array = given[name]
        if name not in own:
            unfit.append(f"{name} (not in the network)")
        elif name == POSITIONS and array.shape != own[name].shape and array.shape[-1] == own[name].shape[-1]:
            taken[name] = np.asarray(resize_positions(array, *own[name].shape[:2]))
        elif array.shape != own[name].shape:
            unfit.append(f"{name} ({array.shape} for {own[name].shape})")
        else:
            taken[name] = array
    unfit += [f"{name} (not pretrained)" for name in own if name.startswith(BACKBONE) and name not in given]
    if unfit:
        raise DataError(
            f"pretrained backbone: expected the parameters of the network's own, found {len(unfit)} that do "
            f"not fit, e.g. {min(unfit)}; pretrain with the settings of `network` that finetuning uses"
        )
    new = tuple(name for name in own if name not in taken)
    return unflatten({**own, **taken}), Transfer(tuple(sorted(taken)), new, left)
