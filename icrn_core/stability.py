"""Whether a step is stable for an explicit scheme: |R(h λ)| ≤ 1 for the decaying eigenvalues λ.

R is the scheme's stability function, 1 + z of Euler's method and 1 + z + z²/2 + z³/6 + z⁴/24 of the
classical method of order 4 (Hairer and Wanner, Solving Ordinary Differential Equations II, IV.2).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from icrn_core.dynamics import Dynamics
from icrn_core.errors import IcrnError

# Coefficients of R, from the highest power down.
_STABILITY = {"euler": (1.0, 1.0), "rk4": (1 / 24, 1 / 6, 1 / 2, 1.0, 1.0)}
# h |λ| on the negative real axis up to which |R| ≤ 1.
_REACH = {"euler": 2.0, "rk4": 2.785293563405282}
# Larger networks are not looked at: eigenvalues take n³ operations.
_MOST_ENTRIES = 400


def refuse_unstable(
    dynamics: Dynamics, values: Array, params: Array, t0: float, step: float, scheme: str
) -> None:
    """Refuse a step with which what decays fastest at the start would grow.

    Only eigenvalues of the Jacobian that decay more than they oscillate are judged: an oscillation
    that Euler's method blows up slowly is an error of its order, not of its stability.

    Parameters
    ----------
    dynamics : Dynamics
        The compiled network.
    values, params : (n_state,), (n_params,)
        Packed initial values and rate constants.
    t0, step : float
        Initial time and length of a step.
    scheme : str
        Of `simulate_fixed`; implicit ones, and arguments that JAX traces, are not judged.

    Raises
    ------
    IcrnError
        The step is unstable; with the longest one that is not.
    """
    traced = any(isinstance(x, jax.core.Tracer) for x in (values, params, t0, step))
    if scheme not in _STABILITY or traced or not 0 < dynamics.n_moving <= _MOST_ENTRIES:
        return
    y, params = dynamics.initial_vectors(values, params, jnp.asarray(t0))
    jacobian = np.asarray(dynamics.jacobian(t0, y, params))
    if not np.isfinite(jacobian).all():
        return
    found = np.linalg.eigvals(jacobian)
    found = found[(found.real < 0) & (-found.real >= np.abs(found.imag))]
    growth = np.abs(np.polyval(_STABILITY[scheme], float(step) * found))
    if len(found) and growth.max() > 1.0 + 1e-9:
        rate = -found[growth.argmax()].real
        raise IcrnError(
            f"a step of {float(step):g} is unstable for '{scheme}': something decays at the rate {rate:.4g} "
            f"at the start, for which steps are at most {_REACH[scheme] / rate:.4g}; take these, or the "
            "scheme 'patankar', or icrn_core.simulate, which finds its own"
        )
