"""What a training loop needs to be killed at any moment and go on: its state, kept and taken up again."""

import math
import time
from dataclasses import dataclass, field
from pathlib import Path

from crescendai.training.resume import Resume
from crescendai.training.state import TrainState

Curve = list[dict[str, float]]


@dataclass
class Watch:
    """Keeps the state of a run; as a context it ends when what was kept is on disk, error or not.

    folder: where a batch with which training failed is saved.
    resume: checkpoints; None keeps nothing.
    every_s: least seconds between two of them; writing one may take as long as a short epoch.
    """

    folder: Path
    resume: Resume | None = None
    every_s: float = 0.0
    _kept_at: float = field(default=-math.inf, init=False)

    def take_up(self, state: TrainState, best: dict) -> tuple[TrainState, dict, Curve, dict]:
        """The newest kept run, or the given start: state, best weights so far, curve, what else was known.

        best: weights of the shape of ``state.params``, or nothing.
        """
        found = self.resume.latest({"state": state, "best": best}) if self.resume else None
        if found is None:
            return state, best, [], {}
        _, tree, known = found
        return tree["state"], tree["best"], known["curve"], known["also"]

    def keep(self, state: TrainState, best: dict, curve: Curve, also: dict, final: bool = False) -> None:
        """Keeps a run as it is after a row of its curve, if it is time to, or the final one."""
        if self.resume and (final or time.monotonic() - self._kept_at >= self.every_s):
            self._kept_at = time.monotonic()
            self.resume.save(len(curve), {"state": state, "best": best}, {"curve": curve, "also": also})

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        if self.resume:
            self.resume.wait()

    def done(self) -> None:
        """Forgets the run: its results are on disk."""
        if self.resume:
            self.resume.finished()
