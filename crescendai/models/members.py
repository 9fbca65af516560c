"""Several networks with one backbone: each rates for itself, and their mean counts.

Networks that begin elsewhere err elsewhere (deep ensembles, Lakshminarayanan et al., arXiv 1612.01474). Here they
share what hears, which is most of the work, and the kernel that rates beside them; they are kept and trained as one:
every parameter that is not shared has an axis of members in front.
"""

from collections.abc import Callable

import jax

SHARED = ("backbone", "kernel")


def each_member(function: Callable[[dict], jax.Array], params: dict, members: int) -> jax.Array:
    """``function`` of every member's parameters: ``[member, ...]``.

    params: of a single network where ``members`` is 1; else with an axis of members in front of all that is not
        `SHARED`.
    """
    if members == 1:
        return function(params)[None]
    shared = {part: values for part, values in params.items() if part in SHARED}
    own = {part: values for part, values in params.items() if part not in SHARED}
    # What depends on shared parameters alone is not done again for each member.
    return jax.vmap(lambda part: function({**shared, **part}))(own)


def begin_members(initialise: Callable[[jax.Array], dict], seed: int, members: int) -> dict:
    """Parameters to begin with, from ``initialise(key)``: as `each_member` wants them."""
    key = jax.random.key(seed)
    if members == 1:
        return initialise(key)
    each = jax.vmap(initialise)(jax.random.split(key, members))
    return {
        part: jax.tree.map(lambda x: x[0], values) if part in SHARED else values for part, values in each.items()
    }


def member_shape(name: str, shape: tuple[int, ...], members: int) -> tuple[int, ...]:
    """Shape of a parameter with flat name ``name`` that a single network has in ``shape``."""
    return shape if members == 1 or name.split("/")[0] in SHARED else (members, *shape)
