"""The compiled form of an ICRN: rate of change, Jacobian, initial values, observation.

Everything is pure JAX over flat vectors, float64 by default. ``prepare`` does all that depends
on the params alone, once per solve; the integrators call the ``prepared`` forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from icrn_core import dense
from icrn_core.crossings import decided
from icrn_core.delays import History, with_delayed
from icrn_core.elimination import Elimination
from icrn_core.jacobian import jacobian_values
from icrn_core.jumps import breakpoints
from icrn_core.plan import DenseGroup, Level, Plan, StaticSlot, Step
from icrn_core.sparse_map import SparseMap
from icrn_core.tables import Tables
from icrn_core.tensors import pack, unpack


class Prepared(NamedTuple):
    """What is known before a solve; the last axis of every array is that of the runs (lanes).

    Attributes
    ----------
    static : (n_static, n_lanes)
        The static tape: held entries as laws see them, params, and what these determine.
    background : (n_background, n_lanes)
        What of it is read together with the moving entries.
    scale : (n_moving, n_lanes) or None
        What laws see of a moving entry, over its state, where the compartment size is static.
    factor : (n_moving, n_lanes) or None
        Conversion factors.
    flat, dense : tuple of tuple
        Static slots of each group; None for the others.
    breakpoints : (n_breakpoints, n_lanes)
        Sorted times at which the rate of change may jump.
    modes : (n_modes, n_lanes) or None
        Comparisons of the state as they are between two steps.
    history : History or None
        The past of what delayed entries follow.
    """

    static: Array
    background: Array
    scale: Array | None
    factor: Array | None
    flat: tuple
    dense: tuple
    breakpoints: Array
    modes: Array | None = None
    history: History | None = None


class Observation(NamedTuple):
    """Everything that can be seen at a time and state, tensors by name.

    ``species`` is in the unit rate laws see; ``amounts`` and ``concentrations`` hold every
    base species; ``fluxes`` hold one value per tuple of each indexed reaction's domain.
    """

    species: dict[str, Array]
    amounts: dict[str, Array]
    concentrations: dict[str, Array]
    assigned: dict[str, Array]
    fluxes: dict[str, Array]


@jax.tree_util.register_pytree_node_class
@dataclass(frozen=True, eq=False)
class Dynamics:
    """A compiled ICRN; made by `compile_icrn`.

    Attributes
    ----------
    plan : Plan
        The operations, static.
    arrays : Tables
        The index arrays that the operations use.
    transposable : bool
        Whether reverse mode goes through gathers without scatters; then ``vmap`` and forward
        mode do not.
    """

    plan: Plan
    arrays: Tables
    transposable: bool = False

    def tree_flatten(self) -> tuple[tuple, tuple[Plan, bool]]:
        """Return the arrays as leaves; the plan is static."""
        return (self.arrays,), (self.plan, self.transposable)

    @classmethod
    def tree_unflatten(cls, static: tuple[Plan, bool], arrays: tuple) -> Dynamics:
        """Return the dynamics of a plan and its arrays."""
        return cls(static[0], arrays[0], static[1])

    def __repr__(self) -> str:
        plan = self.plan
        n_flat = sum(group.size for group in plan.flat)
        return (
            f"Dynamics(n_state={self.n_state}, n_moving={self.n_moving}, n_params={self.n_params}, "
            f"{len(plan.flat)} laws over {n_flat} reactions, {len(plan.dense)} dense domains)"
        )

    @property
    def n_state(self) -> int:
        """Length of the state vector."""
        return self.plan.n_state

    @property
    def n_moving(self) -> int:
        """Number of entries of the state that some reaction changes: the solvers integrate these."""
        return self.plan.n_moving

    @property
    def elimination(self) -> Elimination | None:
        """How linear systems with its Jacobian are solved, None by a dense factorisation."""
        return jax.tree.map(self.arrays.__getitem__, self.plan.elimination)

    @property
    def n_params(self) -> int:
        """Length of the vector of params."""
        return self.plan.n_params

    def pack_state(self, state: Mapping[str, Array]) -> Array:
        """Return tensors by base species as one vector, shape ``(n_state,)``.

        Raises
        ------
        IcrnError
            A base is missing, unknown, or has another shape.
        """
        return jnp.asarray(pack(self.plan.species, state, "base species"))

    def unpack_state(self, vector: Array) -> dict[str, Array]:
        """Return ``(..., n_state)`` as tensors ``(..., *shape)`` by base species."""
        return unpack(self.plan.species, vector, 0)

    def pack_params(self, params: Mapping[str, Array]) -> Array:
        """Return tensors by rate constant as one vector, shape ``(n_params,)``.

        Raises
        ------
        IcrnError
            A base is missing, unknown, or has another shape.
        """
        return jnp.asarray(pack(self.plan.constants, params, "rate constant"))

    def unpack_params(self, vector: Array) -> dict[str, Array]:
        """Return ``(..., n_params)`` as tensors ``(..., *shape)`` by rate constant."""
        return unpack(self.plan.constants, vector, self.n_state)

    def prepare(self, params: Array, y: Array) -> Prepared:
        """Return what params, ``(n_params, n_lanes)``, and a state, ``(n_state, n_lanes)``, determine.

        Of the state only the entries that nothing changes are used.
        """
        plan, n_lanes = self.plan, max(params.shape[1], y.shape[1])
        given = jnp.broadcast_to(params, (params.shape[0], n_lanes))
        held = y[self.arrays[plan.held]]
        static = jnp.concatenate([jnp.broadcast_to(held, (held.shape[0], n_lanes)), given])
        static = self.run(plan.static_levels, static, jnp.zeros((1,), params.dtype))
        scale = factor = None
        if plan.view is not None:
            scale = self._read_or_one(static, plan.view.sizes)
            scale = jnp.where(self.arrays[plan.view.multiply][:, None], scale, 1.0 / scale)
        if plan.factor is not None:
            factor = self._read_or_one(static, plan.factor)
        flat = tuple(
            tuple(self._static_slot(s, group.size, static) for s in group.slots) for group in plan.flat
        )
        wide = tuple(
            tuple(dense.static_slot(s, self.arrays, static) for s in group.slots) for group in plan.dense
        )
        return Prepared(
            static,
            static[self.arrays[plan.background]],
            scale,
            factor,
            flat,
            wide,
            breakpoints(self, static),
        )

    def _read_or_one(self, static: Array, positions: int) -> Array:
        """Return the entries of the static tape at the positions, one where that is negative."""
        at = self.arrays[positions]
        return jnp.where(at[:, None] < 0, 1.0, static[jnp.maximum(at, 0)])

    def _static_slot(self, slot: StaticSlot | None, size: int, static: Array) -> Array | None:
        if slot is None:
            return None
        slots = [static[self.arrays[k]] for k in slot.positions]
        return jnp.broadcast_to(slot.law(slots, jnp.zeros((1, 1))), (size, static.shape[1]))

    def moving(self, y: Array) -> Array:
        """Return the moving entries of a state, ``(n_moving, ...)``."""
        return y[self.arrays[self.plan.moving]]

    def whole(self, moving: Array, y: Array) -> Array:
        """Return the state ``y`` with its moving entries replaced."""
        return y.at[self.arrays[self.plan.moving]].set(moving, unique_indices=True, indices_are_sorted=True)

    def apply(self, linear: SparseMap, x: Array) -> Array:
        """Return a sparse map's product with ``x``, ``(n, n_lanes)``."""
        return linear(self.arrays, x, self.transposable)

    def run(self, levels: tuple[Level, ...], tape: Array, t: Array) -> Array:
        """Return the tape with the values of levels of assignments appended."""
        for level in levels:
            values = [tape]
            for step, slots in self.level_slots(level, tape):
                shape = (step.size, tape.shape[1])
                values.append(jnp.broadcast_to(step.law(slots, t[None, :]), shape).astype(tape.dtype))
            tape = jnp.concatenate(values)
        return tape

    def level_slots(self, level: Level, tape: Array) -> list[tuple[Step, list[Array]]]:
        """Return the steps of a level, each with its slots."""
        sizes = [step.size for step in level.steps for _ in range(step.law.n_slots)]
        slots = iter(split(self.apply(level.slots, tape), sizes))
        return [(step, [next(slots) for _ in range(step.law.n_slots)]) for step in level.steps]

    def tape(self, t: Array, y: Array, prepared: Prepared) -> Array:
        """Return the tape that laws read at a state of moving entries."""
        if prepared.history is not None:
            y = with_delayed(self, prepared, t, y)
        seen = y if prepared.scale is None else y * prepared.scale
        if n_read := prepared.background.shape[0]:
            seen = jnp.concatenate([seen, jnp.broadcast_to(prepared.background, (n_read, y.shape[1]))])
        if prepared.modes is not None:
            seen = jnp.concatenate(
                [seen, jnp.broadcast_to(prepared.modes, (len(prepared.modes), y.shape[1]))]
            )
        return self.run(self.plan.dynamic_levels, seen, t)

    def flat_slots(self, tape: Array, prepared: Prepared) -> list[list[Array]]:
        """Return the slots of every flat group, each ``(size, n_lanes)``."""
        groups = self.plan.flat
        sizes = [group.size for group in groups for slot in group.slots if slot is None]
        if not sizes:
            return [list(slots) for slots in prepared.flat]
        found = iter(split(self.apply(self.plan.flat_slots, tape), sizes))
        return [[next(found) if s is None else s for s in slots] for slots in prepared.flat]

    def dense_slots(self, tape: Array, prepared: Prepared) -> list[list[Array]]:
        """Return the slots of every dense group, each broadcastable to its domain."""
        return [
            [dense.slot(self, s, tape) if g is None else g for s, g in zip(group.slots, given, strict=True)]
            for group, given in zip(self.plan.dense, prepared.dense, strict=True)
        ]

    def mask(self, group: DenseGroup) -> Array | None:
        """Return the mask of a dense group's domain, with an axis of lanes; None for all of it."""
        return None if group.mask is None else self.arrays[group.mask][..., None]

    def flat_fluxes(self, t: Array, tape: Array, prepared: Prepared) -> Array:
        """Return the fluxes of all flat groups, one after the other, ``(n_fluxes, n_lanes)``."""
        slots = self.flat_slots(tape, prepared)
        parts = [
            jnp.broadcast_to(group.law(slots[k], t[None, :]), (group.size, tape.shape[1]))
            for k, group in enumerate(self.plan.flat)
        ]
        return jnp.concatenate(parts)

    def prepared_field(self, t: Array, y: Array, prepared: Prepared) -> Array:
        """Return dy/dt of the moving entries.

        Parameters
        ----------
        t : (n_lanes,)
            Time.
        y : (n_moving, n_lanes)
            Moving entries of the state.
        prepared : Prepared
            What is known before the solve; with one lane where that is the same for all.
        """
        plan = self.plan
        tape = self.tape(t, y, prepared)
        rate = jnp.zeros_like(y)
        if plan.flat:
            rate = self.apply(plan.incidence, self.flat_fluxes(t, tape, prepared))
        if plan.dense:
            slots = self.dense_slots(tape, prepared)
            masks = [self.mask(group) for group in plan.dense]
            wide = dense.rate_of_change(plan, slots, masks, t, y)
            rate = rate + (wide if plan.dense_moving is None else self.apply(plan.dense_moving, wide))
        return rate if prepared.factor is None else rate * prepared.factor

    def prepared_jacobian(self, t: Array, y: Array, prepared: Prepared) -> Array:
        """Return the non-zeros of ∂f/∂y among the moving entries, ``(n_nonzeros, n_lanes)``.

        Their places are `jacobian_pattern`; arguments as in `prepared_field`.
        """
        return jacobian_values(self, t, y, prepared)

    @property
    def jacobian_pattern(self) -> tuple[Array, Array]:
        """Rows and columns of the non-zeros of the Jacobian, sorted by column and row."""
        return self.arrays[self.plan.jacobian.rows], self.arrays[self.plan.jacobian.columns]

    def times_jacobian(self, values: Array, x: Array) -> Array:
        """Return a matrix with the Jacobian's pattern, given by its non-zeros, times ``x``."""
        plan = self.plan.jacobian
        return plan.by_row.transposed(self.arrays, values * self.apply(plan.by_column, x))

    def prepared_time_derivative(self, t: Array, y: Array, prepared: Prepared) -> Array:
        """Return ∂f/∂t of the moving entries; arguments as in `prepared_field`."""
        if not self.plan.reads_time:
            return jnp.zeros_like(y)
        return jax.jvp(lambda s: self.prepared_field(s, y, prepared), (t,), (jnp.ones_like(t),))[1]

    def vector_field(self, t: Array, y: Array, params: Array) -> Array:
        """Return the rate of change dy/dt = f(t, y, params).

        Parameters
        ----------
        t : scalar
            Time.
        y : (n_state,)
            State, each base species in its ``state_unit``.
        params : (n_params,)
            Rate constants, packed.

        Returns
        -------
        array of shape ``(n_state,)``
        """
        rate = self.prepared_field(*self._one_lane(t, y, params))[:, 0]
        return self.whole(rate, jnp.zeros_like(y))

    def _one_lane(self, t: Array, y: Array, params: Array) -> tuple[Array, Array, Prepared]:
        y, params = jnp.asarray(y), jnp.asarray(params)
        at, moving = jnp.asarray(t, y.dtype)[None], self.moving(y)[:, None]
        return at, moving, decided(self, self.prepare(params[:, None], y[:, None]), at, moving)

    def jacobian(self, t: Array, y: Array, params: Array) -> Array:
        """Return ∂f/∂y, shape ``(n_state, n_state)``, from the derivatives of the templates."""
        moving, held = self.arrays[self.plan.moving], self.arrays[self.plan.held]
        rows, columns = self.jacobian_pattern
        values = self.prepared_jacobian(*self._one_lane(t, y, params))[:, 0]
        result = jnp.zeros((self.n_state, self.n_state), y.dtype)
        result = result.at[moving[rows], moving[columns]].set(values, unique_indices=True)
        if not held.size:
            return result
        by_held = jax.jacfwd(lambda h: self.vector_field(t, y.at[held].set(h), params))(y[held])
        return result.at[:, held].set(by_held)

    def time_derivative(self, t: Array, y: Array, params: Array) -> Array:
        """Return ∂f/∂t, shape ``(n_state,)``."""
        rate = self.prepared_time_derivative(*self._one_lane(t, y, params))[:, 0]
        return self.whole(rate, jnp.zeros_like(y))

    def breakpoints(self, params: Array) -> Array:
        """Return the times, sorted, at which conditions on the time switch, shape ``(n_breakpoints,)``."""
        return self.prepare(params[:, None], jnp.zeros((self.n_state, 1))).breakpoints[:, 0]

    def initialise(
        self, values: Mapping[str, Array], params: Mapping[str, Array], t0: float = 0.0
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Evaluate initial assignments and convert initial values to the units of the state.

        Parameters
        ----------
        values : mapping of str to array
            Initial values by base species, in ``initial_unit``; ignored where an initial
            assignment gives the value.
        params : mapping of str to array
            Values by rate constant; ignored where an initial assignment gives the value.
        t0 : float
            Initial time.

        Returns
        -------
        state, params : dict of str to array
            Base species in ``state_unit``, and rate constants.
        """
        y, p = self.initial_vectors(self.pack_state(values), self.pack_params(params), t0)
        return self.unpack_state(y), self.unpack_params(p)

    def initial_vectors(self, values: Array, params: Array, t0: float = 0.0) -> tuple[Array, Array]:
        """Return `initialise` on packed vectors: state ``(n_state,)`` and params ``(n_params,)``."""
        y, p = self.initial_lanes(values[:, None], params[:, None], t0)
        return y[:, 0], p[:, 0]

    def initial_lanes(self, values: Array, params: Array, t0: float = 0.0) -> tuple[Array, Array]:
        """Return `initialise` on ``(n_state, n_lanes)`` and ``(n_params, n_lanes)``."""
        n, n_lanes = self.n_state, values.shape[1]
        tape = jnp.concatenate([values, params, jnp.full((1, n_lanes), jnp.nan, values.dtype)])
        t = jnp.broadcast_to(jnp.asarray(t0, values.dtype), (n_lanes,))
        tape = self.run(self.plan.initial.levels, tape, t)
        final = tape[self.arrays[self.plan.initial.final]]
        return final[:n], final[n:]

    def observe(self, t: Array, y: Array, params: Array) -> Observation:
        """Return species, amounts, concentrations, assigned quantities and fluxes.

        Parameters
        ----------
        t : scalar or (n_times,)
            Time.
        y : (n_state,) or (n_times, n_state)
            State.
        params : (n_params,)
            Rate constants, packed.

        Returns
        -------
        Observation
            With a first axis of times if ``y`` has one.
        """
        if y.ndim == 1:
            return jax.tree.map(lambda x: x[0], self.observe(jnp.asarray(t, y.dtype)[None], y[None], params))
        plan, n = self.plan, self.n_state
        states = y.T
        prepared = decided(self, self.prepare(params[:, None], states), t, self.moving(states))
        tape, symbols = self.seen(t, self.moving(states), prepared)
        at, kind = self.arrays[plan.sizes], self.arrays[plan.is_concentration][:, None]
        sizes = jnp.where(at[:, None] < 0, 1.0, symbols[jnp.maximum(at, 0)])
        shown = symbols[:n]
        amounts = jnp.where(kind, shown * sizes, shown)
        concentrations = jnp.where(kind, shown, shown / sizes)
        return Observation(
            self.unpack_state(shown.T),
            self.unpack_state(amounts.T),
            self.unpack_state(concentrations.T),
            unpack(plan.assigned, symbols.T, 0),
            self.reaction_fluxes(t, tape, prepared),
        )

    def symbols(self, t: Array, states: Array, params: Array) -> Array:
        """Return every symbol that laws can read, ``(n_symbols, n_lanes)``.

        Base species in their ``law_unit``, rate constants, assigned quantities, in this order.

        Parameters
        ----------
        t : (n_lanes,)
            Times.
        states : (n_state, n_lanes)
            States.
        params : (n_params, n_lanes)
            Rate constants.
        """
        moving = self.moving(states)
        every = self.seen(t, moving, decided(self, self.prepare(params, states), t, moving))[1]
        # Modes stand between rate constants and assigned quantities.
        given = self.n_state + self.n_params
        return jnp.concatenate([every[:given], every[every.shape[0] - self.plan.n_assigned :]])

    def seen(self, t: Array, y: Array, prepared: Prepared) -> tuple[Array, Array]:
        """Return the tape at moving entries ``y`` and, for each lane, every symbol."""
        tape = self.tape(t, y, prepared)
        static = jnp.broadcast_to(prepared.static, (prepared.static.shape[0], len(t)))
        every = self.run(self.plan.watched_levels, jnp.concatenate([tape, static]), t)
        return tape, every[self.arrays[self.plan.observed]]

    def reaction_fluxes(self, t: Array, tape: Array, prepared: Prepared) -> dict[str, Array]:
        """Return the fluxes of every indexed reaction, ``(n_lanes, n_tuples)``, from a tape."""
        flat = self.flat_fluxes(t, tape, prepared) if self.plan.flat else jnp.zeros((0, len(t)))
        slots = self.dense_slots(tape, prepared)
        wide = [
            dense.fluxes(group, slots[k], self.mask(group), t).reshape(-1, len(t))
            for k, group in enumerate(self.plan.dense)
        ]
        found = {}
        for segment in self.plan.segments:
            if segment.dense is None:
                found[segment.name] = flat[segment.start : segment.start + segment.size].T
            elif segment.entries is None:
                found[segment.name] = wide[segment.dense].T
            else:
                found[segment.name] = wide[segment.dense][self.arrays[segment.entries]].T
        return found


def split(values: Array, sizes: list[int]) -> list[Array]:
    """Return consecutive parts of the first axis."""
    return jnp.split(values, np.cumsum(sizes)[:-1]) if len(sizes) > 1 else [values]
