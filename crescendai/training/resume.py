"""Checkpoints of a run in progress: written beside the work, gone when it is done.

They live outside of DVC's outs, which DVC deletes before a stage reruns, in a folder named by a hash of what
the run depends on: after another parameter or another input nothing old is taken up.
"""

import hashlib
import json
import logging
import shutil
import sys
from pathlib import Path

import jax
import orbax.checkpoint as ocp

from crescendai.errors import CrescendaiError

FOLDER = Path("models/.resume")
KEPT = 2  # the newest may be half written when the machine goes down


class Resume:
    """The checkpoints of one run.

    key: everything the run's result depends on, as JSON can hold it.
    """

    def __init__(self, key: object, folder: Path = FOLDER):
        text = json.dumps(key, sort_keys=True, default=str)
        self.folder = (folder / hashlib.sha256(text.encode()).hexdigest()[:16]).absolute()
        logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax reports every file it touches
        options = ocp.CheckpointManagerOptions(max_to_keep=KEPT, create=True, cleanup_tmp_directories=True)
        self._manager = ocp.CheckpointManager(self.folder, options=options)

    def save(self, step: int, tree: object, known: object) -> None:
        """Copies a state and goes on writing it in the background; whole or not at all.

        tree: arrays, sharded or not. known: what else is to be known, as JSON can hold it.
        """
        arguments = ocp.args.Composite(tree=ocp.args.StandardSave(tree), known=ocp.args.JsonSave(known))
        self._manager.save(step, args=arguments)

    def latest(self, like: object) -> tuple[object, object] | None:
        """The newest state that can be read, and what was known; None where there is none.

        like: a tree of the same structure; what is read lies on the same devices.

        Raises:
            CrescendaiError: checkpoints are there, but of another structure.
        """
        self._manager.wait_until_finished()
        shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        wanted = ocp.args.Composite(tree=ocp.args.StandardRestore(shapes), known=ocp.args.JsonRestore())
        for step in sorted(self._manager.all_steps(), reverse=True):
            try:
                found = self._manager.restore(step, args=wanted)
            except Exception as error:  # Orbax raises many kinds for a damaged file
                reason = " ".join(str(error).split())[:120]
                print(f"note: checkpoint {self.folder / str(step)} is damaged, an older one is used ({reason})",
                      file=sys.stderr)  # fmt: skip
                continue
            if jax.tree.map(lambda leaf: leaf.shape, found.tree) != jax.tree.map(lambda leaf: leaf.shape, like):
                raise CrescendaiError(
                    f"{self.folder}: expected a checkpoint of this network, found one of another; delete the folder"
                )
            return found.tree, found.known
        return None

    def wait(self) -> None:
        """Returns when everything handed to `save` is on disk."""
        self._manager.wait_until_finished()

    def finished(self) -> None:
        """Deletes the checkpoints: the run's results are on disk."""
        self._manager.close()
        shutil.rmtree(self.folder, ignore_errors=True)
