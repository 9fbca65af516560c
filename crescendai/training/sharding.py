"""Several devices: where parameters and batches lie. A mesh of one device is the ordinary run.

A mesh has two axes. ``data`` times ``fsdp`` devices each work on their rows of a batch. Along ``fsdp`` every
large parameter, its average and its moments are cut into parts, so that each device keeps one part (fully sharded
data parallelism: ZeRO, arXiv 1910.02054); they are put together for the length of a step.
"""

from collections.abc import Sequence
from typing import TypeVar

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from crescendai.errors import ParamsError

Tree = TypeVar("Tree")

ROWS = PartitionSpec(("data", "fsdp"))  # both axes share the batch
MIN_SHARDED_VALUES = 4096  # smaller arrays, biases and norms, are not worth their messages


def start_distributed(address: str, num_processes: int, process_id: int) -> None:
    """Makes this process one of several that train together; to be called before anything else of JAX.

    address: ``host:port`` of process 0. process_id: 0 to ``num_processes - 1``.
    """
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(address, num_processes, process_id)


def make_mesh(data: int = 1, fsdp: int = 1) -> Mesh:
    """The first ``data * fsdp`` devices, those of all processes, as a mesh.

    Raises:
        ParamsError: there are fewer devices, or some process would have none in it.
    """
    devices = jax.devices()
    wanted = data * fsdp
    if not 1 <= wanted <= len(devices):
        raise ParamsError(
            f"compute: expected data * fsdp of at most the {len(devices)} devices here, found {data} * {fsdp}; "
            "lower them, or on a CPU ask for more with XLA_FLAGS=--xla_force_host_platform_device_count=8"
        )
    if wanted < len(devices) and jax.process_count() > 1:
        raise ParamsError(
            f"compute: expected data * fsdp of all {len(devices)} devices of {jax.process_count()} processes, "
            f"found {data} * {fsdp}; raise them"
        )
    return jax.make_mesh((data, fsdp), ("data", "fsdp"), (AxisType.Auto,) * 2, devices=devices[:wanted])


def sharding_of(shape: Sequence[int], mesh: Mesh) -> NamedSharding:
    """How an array of the state lies on a mesh: cut along its largest dimension that ``fsdp`` divides.

    Whole on every device if it is small (`MIN_SHARDED_VALUES`) or no dimension divides.
    """
    parts = mesh.shape["fsdp"]
    dividing = [axis for axis, size in enumerate(shape) if size % parts == 0]
    if parts == 1 or not dividing or np.prod(shape) < MIN_SHARDED_VALUES:
        return NamedSharding(mesh, PartitionSpec())
    longest = max(dividing, key=lambda axis: shape[axis])
    return NamedSharding(mesh, PartitionSpec(*[None] * longest, "fsdp"))


def state_shardings(tree: Tree, mesh: Mesh) -> Tree:
    """`sharding_of` every array."""
    return jax.tree.map(lambda leaf: sharding_of(np.shape(leaf), mesh), tree)


def place_state(tree: Tree, mesh: Mesh) -> Tree:
    """Puts parameters, averages, moments or a whole state on a mesh; every process has the same values."""

    def place(leaf: jax.Array) -> jax.Array:
        values = np.asarray(leaf)
        return jax.make_array_from_callback(values.shape, sharding_of(values.shape, mesh), lambda part: values[part])

    return jax.tree.map(place, tree)


def gather(tree: Tree, mesh: Mesh) -> Tree:
    """The whole of a placed tree as NumPy arrays, in every process; all have to call it."""
    everywhere = NamedSharding(mesh, PartitionSpec())
    return jax.device_get(jax.jit(lambda tree: tree, out_shardings=everywhere)(tree))


def process_rows(batch_size: int, mesh: Mesh) -> slice:
    """Which rows of a batch this process has to bring.

    Raises:
        ParamsError: the devices cannot share the batch evenly.
    """
    _check_divisible(batch_size, mesh)
    own = batch_size // jax.process_count()
    return slice(jax.process_index() * own, (jax.process_index() + 1) * own)


def place_batch(batch: Tree, mesh: Mesh) -> Tree:
    """Spreads a batch over all devices of a mesh, row by row.

    batch: arrays ``[b, ...]``, the rows of this process (`process_rows`); with one process, all.

    Raises:
        ParamsError: the devices cannot share the batch evenly.
    """

    def place(rows: np.ndarray) -> jax.Array:
        _check_divisible(len(rows) * jax.process_count(), mesh)
        return jax.make_array_from_process_local_data(NamedSharding(mesh, ROWS), rows)

    return jax.tree.map(place, batch)


def bytes_per_device(tree: Tree) -> int:
    """What the first device of this process holds of a placed tree."""
    return sum(leaf.addressable_shards[0].data.nbytes for leaf in jax.tree.leaves(tree))


def _check_divisible(batch_size: int, mesh: Mesh) -> None:
    if batch_size % mesh.size:
        raise ParamsError(
            f"batch_size: expected a multiple of the {mesh.size} devices (compute: data {mesh.shape['data']} * "
            f"fsdp {mesh.shape['fsdp']}), found {batch_size}; change either"
        )
