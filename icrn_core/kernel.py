"""One machine function for a whole loop, where XLA would dispatch every operation of it.

XLA's CPU backend runs a program as a sequence of small kernels; a step of an integrator of ten
variables is some hundreds of them, each costing more to call than to compute. A call marked as
small is compiled as one function with its loops inside. The mark changes speed only: where it
is unknown it is ignored. Scatters, matrix products and library calls cannot be part of such a
function.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

try:
    from jax.experimental.xla_metadata import set_xla_metadata
except ImportError:  # JAX before 0.6: kernels are dispatched one by one
    set_xla_metadata = None


def one_kernel(function: Callable, *args: object) -> object:
    """Return ``function(*args)``, compiled as one function on CPUs."""
    if set_xla_metadata is None or jax.default_backend() != "cpu":
        return function(*args)
    leaves, structure = jax.tree.flatten(args)
    shapes = [(jnp.shape(x), jnp.result_type(x)) for x in leaves]
    full = [x for x, (shape, _) in zip(leaves, shapes, strict=True) if 0 not in shape]

    shape_of_result: list = []

    def called(*full: Array) -> list[Array]:
        # Empty arrays are made inside: as arguments they have no memory to point to.
        rest = iter(full)
        given = [jnp.zeros(shape, kind) if 0 in shape else next(rest) for shape, kind in shapes]
        result, shape_of_result[:] = _flat(function(*jax.tree.unflatten(structure, given)))
        return _reading_all(full, result)

    result = jax.jit(called)(*full)
    # The mark on any result is that of the call.
    first = set_xla_metadata(result[0], xla_cpu_small_call="true", inlineable="false")
    return jax.tree.unflatten(shape_of_result[0], [first, *result[1:]])


def _flat(result: object) -> tuple[list[Array], list]:
    leaves, structure = jax.tree.flatten(result)
    return leaves, [structure]


def _reading_all(arguments: tuple[Array, ...], result: list[Array]) -> list[Array]:
    """Return the result, the first of it in a way that reads every argument.

    XLA does not compile such a call if an argument turns out not to be needed.
    """
    seen = sum((jnp.square(x.reshape(-1)[0].astype(float)) for x in arguments), jnp.ones(()))
    never = seen < 0.5
    return [jnp.where(never, jnp.zeros_like(result[0]), result[0]), *result[1:]]
