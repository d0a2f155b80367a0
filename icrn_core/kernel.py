"""One machine function for a whole loop, where XLA would dispatch every operation of it.

XLA's CPU backend runs a program as a sequence of small kernels; a step of an integrator of ten
variables is some hundreds of them, each costing more to call than to compute. A call marked as
small is compiled as one function with its loops inside, which changes speed only. Scatters,
matrix products, library calls, reductions of 4096 entries or more (which become library calls;
`reduced` gets around that) and operations on more than `MOST_ENTRIES` entries (which XLA shares
out to threads) cannot be part of such a function.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

import jax
import jax.numpy as jnp
from jax import Array, lax

# Releases of JAX whose XLA is known to compile such calls; to others they are not given.
_KNOWN_TO_WORK = ((0, 10),)
# Entries from which on XLA cuts an operation into parts.
MOST_ENTRIES = 32_000
# Entries from which on XLA reduces by a library call.
MOST_REDUCED = 4_000
_IS_OFF = ContextVar("_IS_OFF", default=False)
_IS_INSIDE = ContextVar("_IS_INSIDE", default=False)


def is_available() -> bool:
    """Return whether calls are compiled as one function here; ``ICRN_KERNELS=off`` turns that off."""
    if jax.default_backend() != "cpu" or os.environ.get("ICRN_KERNELS") == "off" or _IS_OFF.get():
        return False
    return jax.__version_info__[:2] in _KNOWN_TO_WORK


def compiler_options() -> dict[str, bool] | None:
    """Return options with which programs compile in less time and run as fast, None where they are unknown.

    XLA's emitters for fused loops take a third of the time that a CPU program compiles.
    """
    return {"xla_cpu_use_fusion_emitters": False} if is_available() else None


def reduced(
    x: Array, axis: int = 0, combine: Callable[[Array, Array], Array] = jnp.add, by: Callable = jnp.sum
) -> Array:
    """Return ``by(x, axis)``, inside of a kernel in a form that can be part of it: eight parts at a time."""
    n = x.shape[axis]
    while _IS_INSIDE.get() and x.size >= MOST_REDUCED and n > 1:
        part = max(n // 8, 1)
        parts = [lax.slice_in_dim(x, k, k + part, axis=axis) for k in range(0, n - part + 1, part)]
        rest = lax.slice_in_dim(x, len(parts) * part, None, axis=axis)
        x = lax.optimization_barrier(jnp.concatenate([functools.reduce(combine, parts), rest], axis=axis))
        n = x.shape[axis]
    if n == 1:
        return lax.squeeze(x, (axis,))
    # A sum of products would become a call of a library of matrix products.
    return by(lax.optimization_barrier(x), axis=axis)


def switched_off() -> AbstractContextManager[None]:
    """Return a context in which programs are traced without such calls, for other machines and releases."""
    return _set(_IS_OFF)


@contextmanager
def _set(flag: ContextVar[bool]) -> Iterator[None]:
    token = flag.set(True)
    try:
        yield
    finally:
        flag.reset(token)


def one_kernel(function: Callable, *args: object) -> object:
    """Return ``function(*args)``, compiled as one function on CPUs; inside of another, part of that."""
    if _IS_INSIDE.get() or not is_available():
        return function(*args)
    from jax.experimental.xla_metadata import set_xla_metadata

    leaves, structure = jax.tree.flatten(args)
    found: dict[str, object] = {}

    def called(*full: Array) -> list[Array]:
        with _set(_IS_INSIDE):
            result = function(*jax.tree.unflatten(structure, _with_empty(leaves, full)))
        found["leaves"], found["structure"] = jax.tree.flatten(jax.eval_shape(lambda: result))
        return _reading_all(full, _without_empty(jax.tree.leaves(result)))

    # XLA would move constants into the function, and then not find the arguments they were.
    full = lax.optimization_barrier(_without_empty(leaves))
    result = jax.jit(called)(*full)
    # The mark on any result is that of the call.
    first = set_xla_metadata(result[0], xla_cpu_small_call="true", inlineable="false")
    return jax.tree.unflatten(found["structure"], _with_empty(found["leaves"], [first, *result[1:]]))


def _without_empty(arrays: list) -> list:
    """Return the arrays with entries: the others have no memory that could be pointed to."""
    return [x for x in arrays if 0 not in jnp.shape(x)]


def _with_empty(like: list, full: Sequence[Array]) -> list:
    """Return arrays like the given ones, of which the full ones are given."""
    rest = iter(full)
    return [jnp.zeros(jnp.shape(x), jnp.result_type(x)) if 0 in jnp.shape(x) else next(rest) for x in like]


def _reading_all(arguments: Sequence[Array], result: list[Array]) -> list[Array]:
    """Return the result, the first of it in a way that reads every argument.

    XLA does not compile such a call if an argument turns out not to be needed.
    """
    seen = sum((jnp.square(x.reshape(-1)[0].astype(float)) for x in arguments), jnp.ones(()))
    first = result[0].reshape(-1)
    entry = jnp.where(seen < 0.5, jnp.zeros_like(first[0]), first[0])
    return [lax.dynamic_update_slice(first, entry[None], (0,)).reshape(result[0].shape), *result[1:]]
