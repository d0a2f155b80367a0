"""The problems of `dimerization.py` and `hopfield.py` in the package ``icrn``, under a Python that has it.

It prints one line of JSON. It imports nothing of this project, which need not be installed there.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from icrn import (
    FastReaction,
    MassActionReaction,
    many_index_symbols,
    many_rate_constants,
    many_species,
    solve_reaction_diffusion,
    solve_well_mixed,
)


def dimerization(path: str, solver: str, step: str, dtype: str) -> dict:
    """Declare M_p + M_q ⇌ D_pq and simulate twice, t = 0..1."""
    jax.config.update("jax_enable_x64", dtype == "float64")
    values = {name: np.asarray(x, dtype) for name, x in np.load(path).items()}
    ticks = [time.process_time()]
    M, D = many_species("M, D")
    k, b = many_rate_constants("k, b")
    p, q = many_index_symbols("p, q", len(values["M"]))
    reactions = [
        MassActionReaction(M[p] + M[q], D[p, q], k[p, q]),
        MassActionReaction(D[p, q], M[p] + M[q], b[p, q]),
    ]

    @jax.jit
    def run(m, d, forward, backward):
        return solve_well_mixed(
            reactions,
            conc_vals={M: m, D: d},
            rate_constant_vals={k: forward, b: backward},
            times=np.array([1.0]),
            dt=float(step),
            reaction_solver=solver,
        )

    ticks.append(time.process_time())
    for _ in range(2):
        found = jax.block_until_ready(run(*(values[name] for name in ("M", "D", "k", "b"))))
        ticks.append(time.process_time())
    setup, first, after = np.diff(ticks).tolist()
    state = [*np.ravel(found[M][-1]).tolist(), *np.ravel(found[D][-1]).tolist()]
    return {"setup s": setup, "first run s": first, "next run s": after, "state": state}


def hopfield(neurons: str, points: str, n_steps: str, step: str, segment: str, repeats: str) -> dict:
    """Take the gradient of a run of dual-rail neurons in float32; 0 steps a segment are no checkpoints."""
    jax.config.update("jax_enable_x64", False)
    n, side, count = int(neurons), int(points), int(n_steps)
    rng, bound = np.random.default_rng(0), np.sqrt(0.6 / n)
    trained = {
        "W": rng.uniform(-bound, bound, (n, n)).astype(np.float32),
        "V": rng.uniform(-bound, bound, (n, n)).astype(np.float32),
        "theta": rng.uniform(-5.0, 0.0, n).astype(np.float32),
    }
    x = np.arange(side) - (side - 1) / 2
    seed = np.zeros((side, side, n), np.float32)
    seed[..., :3] = (1.0 / (1.0 + np.exp(np.hypot(x[:, None], x) - 10.0)))[..., None]
    target = rng.random((3, side, side)).transpose(1, 2, 0).astype(np.float32)
    plus, minus = many_species("plus, minus")
    A, B, C, E, k = many_rate_constants("A, B, C, E, k")
    i, j = many_index_symbols("i, j", n)
    reactions = [
        MassActionReaction(plus[i], plus[i] + plus[j], A[i, j]),
        MassActionReaction(plus[i], plus[i] + minus[j], B[i, j]),
        MassActionReaction(minus[i], minus[i] + minus[j], C[i, j]),
        MassActionReaction(minus[i], minus[i] + plus[j], E[i, j]),
        MassActionReaction(3 * plus[i], 2 * plus[i], k),
        MassActionReaction(3 * minus[i], 2 * minus[i], k),
        FastReaction(plus[i] + minus[i], 0),
    ]

    def loss(trained: dict):
        constants = 0.01 + 9.99 * jax.nn.sigmoid(trained["theta"])
        W, V = trained["W"], trained["V"]
        found = solve_reaction_diffusion(
            reactions,
            conc_vals={plus: jnp.asarray(seed), minus: jnp.zeros_like(seed)},
            rate_constant_vals={
                A: jax.nn.relu(W),
                B: jax.nn.relu(-W),
                C: jax.nn.relu(V),
                E: jax.nn.relu(-V),
                k: jnp.array(1.0),
            },
            diffusion_constant_vals={plus: constants, minus: constants},
            times=np.array([count * float(step)]),
            dt=float(step),
            spatial_dims=(side, side),
            dspaces=(1.0, 1.0),
            checkpoint_length=int(segment) or None,
        )
        shown = found[plus][-1, ..., :3] - found[minus][-1, ..., :3]
        return jnp.mean((shown - target) ** 2)

    forward, _ = timed(loss, trained, int(repeats))
    backward, used = timed(jax.value_and_grad(loss), trained, int(repeats))
    return {
        "forward s": forward,
        "gradient s": backward,
        "buffers MB": used / 1e6,
        "process MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "loss": float(jax.jit(loss)(trained)),
    }


def timed(function, argument: dict, repeats: int) -> tuple[float, int]:
    """Return the CPU seconds of a compiled function and the bytes of its buffers."""
    compiled = jax.jit(function).lower(argument).compile()
    used = compiled.memory_analysis()
    jax.block_until_ready(compiled(argument))
    seconds = []
    for _ in range(repeats):
        begun = time.process_time()
        jax.block_until_ready(compiled(argument))
        seconds.append(time.process_time() - begun)
    n_bytes = used.temp_size_in_bytes + used.argument_size_in_bytes + used.output_size_in_bytes
    return statistics.median(seconds), n_bytes


if __name__ == "__main__":
    print(json.dumps({"dimerization": dimerization, "hopfield": hopfield}[sys.argv[1]](*sys.argv[2:])))
