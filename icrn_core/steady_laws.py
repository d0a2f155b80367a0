"""Conservation laws of the runs of an objective that end in a steady state, found once for all θ."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from icrn_core.conservation import Laws, conservation_laws
from icrn_core.dynamics import Dynamics
from icrn_core.newton import System, reciprocal_condition
from icrn_core.objective import Objective, Stage
from icrn_core.prediction import pool_of

# Below this the equations, scaled, are singular at a state of ordinary size.
_SINGULAR = 1e-15


def with_laws(objective: Objective, theta: np.ndarray) -> Objective:
    """Return the objective with the conservation laws that its runs to steady states need.

    With events or delays, which can change what reactions conserve, there are none: a steady
    state is then the end of its run. Laws depend on which rate constants are zero, and that is
    looked up at θ: a parameter that is fitted should not be zero there, unless it always is.

    Parameters
    ----------
    objective : Objective
        Its stages of runs to steady states are completed.
    theta : (n_fitted,)
        Scaled parameters.
    """
    if objective.dynamics.plan.sets_state or not any(stage.is_steady for stage in objective.stages):
        return objective
    pool = pool_of(objective, jnp.asarray(theta)[:, None])[:, 0]
    stages = tuple(
        replace(stage, laws=_laws(objective, stage, pool)) if stage.is_steady else stage
        for stage in objective.stages
    )
    return replace(objective, stages=stages)


def _laws(objective: Objective, stage: Stage, pool: jax.Array) -> Laws | None:
    """Return the laws of every run, or None if in some run they do not determine the state."""
    dynamics = objective.dynamics
    every, known = [], {}
    for run in range(stage.times.shape[1]):
        values, params = pool[stage.values[:, run]], pool[stage.params[:, run]]
        y, params = dynamics.initial_vectors(values, params, stage.t0[run])
        # What goes on from another run may be anything.
        y = jnp.where(stage.is_set[:, run], y, 1.0)
        zeros = np.asarray(jnp.concatenate([params == 0, y == 0])).tobytes()
        if zeros not in known:
            time = jnp.asarray(stage.times[-1, run])
            laws = conservation_laws(dynamics, y, params, time)
            known[zeros] = laws if _determines(dynamics, laws, y, params, time) else None
        if known[zeros] is None:
            return None
        every.append(known[zeros])
    return Laws(*(np.stack(part) for part in zip(*every, strict=True)))


@jax.jit
def _determines(dynamics: Dynamics, laws: Laws, y: jax.Array, params: jax.Array, t: jax.Array) -> jax.Array:
    """Return whether rates and totals determine the state, at a state without what is never made.

    A → B, A → C does not, and neither does A → B by an enzyme that is absent.
    """
    n = y.size
    usual = jnp.max(jnp.abs(y), initial=0.0)
    some = jnp.where(usual == 0, 1.0, usual) * (1.0 + jnp.sqrt(2.0) * jnp.arange(n) % 1.0)

    def made(_: int, present: jax.Array) -> jax.Array:
        rate = dynamics.vector_field(t, jnp.where(present, some, 0.0), params)
        return present | (rate != 0)

    present = jax.lax.fori_loop(0, n, made, y != 0)
    state = jnp.where(present, some, 0.0)
    matrix = System(t, some, laws).matrix(dynamics, state, params)
    return reciprocal_condition(matrix, some) > _SINGULAR
