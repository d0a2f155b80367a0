"""Every concrete reaction of a network as a row: what it changes, and its flux at a state."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array

from icrn_core.crossings import decided
from icrn_core.dynamics import Dynamics, Prepared
from icrn_core.icrn import ICRN, IndexedReaction, Reference
from icrn_core.layout import Layout


def net_changes(icrn: ICRN, n_state: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what each reaction changes, in the order of reactions and of their tuples.

    Parameters
    ----------
    icrn : ICRN
        The network.
    n_state : int
        Length of the state.

    Returns
    -------
    entries : (n_reactions, n_terms) int array
        Positions in the state, ``n_state`` where a reaction changes fewer.
    changes : (n_reactions, n_terms) float array
        Net stoichiometries, 0 where a reaction changes fewer.
    """
    layout = Layout(icrn)
    tables = [_of_reaction(layout, reaction) for reaction in icrn.reactions]
    n_terms = max((entries.shape[1] for entries, _ in tables), default=0)
    every, all_changes = [np.zeros((0, n_terms), np.int64)], [np.zeros((0, n_terms))]
    for entries, changes in tables:
        missing = ((0, 0), (0, n_terms - entries.shape[1]))
        every.append(np.pad(entries, missing, constant_values=n_state))
        all_changes.append(np.pad(changes, missing))
    return np.concatenate(every), np.concatenate(all_changes)


def _of_reaction(layout: Layout, reaction: IndexedReaction) -> tuple[np.ndarray, np.ndarray]:
    boundary = {base.name for base in layout.icrn.species if base.is_boundary}
    net: dict[Reference, float] = {}
    for side, sign in ((reaction.reactants, -1.0), (reaction.products, 1.0)):
        for term in side:
            net[term.species] = net.get(term.species, 0.0) + sign * term.stoichiometry
    net = {reference: n for reference, n in net.items() if n and reference.base not in boundary}
    columns = [layout.positions(reference, reaction.domain)[:, None] for reference in net]
    nothing = np.zeros((reaction.domain.size, 0), np.int64)
    entries = np.concatenate([nothing, *columns], axis=1)
    return entries, np.broadcast_to(np.array(list(net.values())), entries.shape)


def all_fluxes(dynamics: Dynamics, t: Array, y: Array, prepared: Prepared) -> Array:
    """Return the flux of every reaction, ``(n_reactions, n_lanes)``.

    Parameters
    ----------
    dynamics : Dynamics
        The network.
    t : (n_lanes,)
        Times.
    y : (n_state, n_lanes)
        States.
    prepared : Prepared
        What params and still entries determine.
    """
    moving = dynamics.moving(y)
    now = decided(dynamics, prepared, t, moving)
    fluxes = dynamics.reaction_fluxes(t, dynamics.tape(t, moving, now), now)
    return jnp.concatenate([jnp.zeros((0, len(t)), y.dtype), *(v.T for v in fluxes.values())])
