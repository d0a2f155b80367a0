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
from jax import Array

from icrn_core import dense
from icrn_core.jacobian import prepared_jacobian
from icrn_core.jumps import breakpoints
from icrn_core.plan import Extent, Plan, Step
from icrn_core.tensors import pack, unpack


class Prepared(NamedTuple):
    """What params alone determine.

    Attributes
    ----------
    static : (n_params + n_assigned,)
        Params, and the assigned quantities that depend on nothing else.
    scale : (n_state,) or None
        What laws see of an entry, over its state, where the compartment size is static.
    factor : (n_state,) or None
        Conversion factors.
    flat, dense : tuple of tuple
        Static slots of each group; None for the others.
    breakpoints : (n_breakpoints,)
        Sorted times at which the rate of change may jump.
    held : (n_state,) or None
        A state: then rates of change and Jacobians are those of the moving entries alone, as
        functions of them, with the others held here. None: those of the whole state.
    """

    static: Array
    scale: Array | None
    factor: Array | None
    flat: tuple
    dense: tuple
    breakpoints: Array
    held: Array | None = None


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
    arrays : tuple of array
        The index arrays that the operations use.
    """

    plan: Plan
    arrays: tuple[Array, ...]

    def tree_flatten(self) -> tuple[tuple, Plan]:
        """Return the arrays as leaves; the plan is static."""
        return self.arrays, self.plan

    @classmethod
    def tree_unflatten(cls, plan: Plan, arrays: tuple) -> Dynamics:
        """Return the dynamics of a plan and its arrays."""
        return cls(plan, tuple(arrays))

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
        return self.plan.moving.size

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
        return pack(self.plan.species, state, "base species")

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
        return pack(self.plan.constants, params, "rate constant")

    def unpack_params(self, vector: Array) -> dict[str, Array]:
        """Return ``(..., n_params)`` as tensors ``(..., *shape)`` by rate constant."""
        return unpack(self.plan.constants, vector, self.n_state)

    def prepare(self, params: Array) -> Prepared:
        """Return what the params, shape ``(n_params,)``, determine for a whole solve."""
        plan, n = self.plan, self.n_state
        # Sized as the symbol vector so that positions need no shift; the state part is unused.
        symbols = jnp.concatenate(
            [jnp.zeros(n, params.dtype), params, jnp.zeros(plan.n_assigned, params.dtype)]
        )
        symbols = self.run(plan.static_levels, symbols, jnp.zeros((), params.dtype))
        scale = factor = None
        if plan.view is not None:
            sizes = symbols[self.arrays[plan.view.sizes]]
            multiply = self.arrays[plan.view.multiply]
            scale = (
                jnp.ones(n, params.dtype)
                .at[self.arrays[plan.view.targets]]
                .set(jnp.where(multiply, sizes, 1.0 / sizes))
            )
        if plan.factor is not None:
            at = self.arrays[plan.factor]
            factor = jnp.where(at < 0, 1.0, symbols[jnp.maximum(at, 0)])
        flat = tuple(
            tuple(symbols[self.arrays[s.positions]] if s.source == "static" else None for s in group.slots)
            for group in plan.flat
        )
        wide = tuple(
            tuple(dense.view(s, group.shape, symbols) if s.source == "static" else None for s in group.slots)
            for group in plan.dense
        )
        return Prepared(symbols[n:], scale, factor, flat, wide, breakpoints(self, symbols))

    def hold(self, prepared: Prepared, y: Array) -> Prepared:
        """Return what is prepared for the moving entries alone, the others held as in ``y``."""
        return prepared if self.plan.moving.entries is None else prepared._replace(held=y)

    def moving(self, y: Array) -> Array:
        """Return the moving entries of a state, ``(..., n_moving)``."""
        at = self.plan.moving.entries
        return y if at is None else y[..., self.arrays[at]]

    def whole(self, moving: Array, prepared: Prepared) -> Array:
        """Return the state whose moving entries are given, shape ``(n_state,)``."""
        if prepared.held is None:
            return moving
        at = self.arrays[self.plan.moving.entries]
        return prepared.held.at[at].set(moving, unique_indices=True, indices_are_sorted=True)

    def extent(self, prepared: Prepared) -> Extent:
        """Return the entries that the rate of change and the Jacobian cover."""
        return self.plan.whole if prepared.held is None else self.plan.moving

    def run(self, levels: tuple[tuple[Step, ...], ...], symbols: Array, t: Array) -> Array:
        """Evaluate levels of assignments and conversions into the symbol vector."""
        for level in levels:
            for step in level:
                targets = self.arrays[step.targets]
                slots = [symbols[self.arrays[k]] for k in step.slots]
                if step.law is not None:
                    values = jnp.broadcast_to(step.law(slots, t), targets.shape)
                else:
                    values = symbols[targets] * slots[0] if step.multiply else symbols[targets] / slots[0]
                symbols = symbols.at[targets].set(values.astype(symbols.dtype))
        return symbols

    def symbols(self, t: Array, y: Array, prepared: Prepared) -> Array:
        """Return what laws read at a whole state: ``[species | constants | assigned]``, or species alone."""
        seen = y if prepared.scale is None else y * prepared.scale
        if not self.plan.needs_symbols:
            return seen
        return self.run(self.plan.dynamic_levels, jnp.concatenate([seen, prepared.static]), t)

    def flat_slots(self, k: int, symbols: Array, prepared: Prepared) -> list[Array]:
        """Return the slots of a flat group, each ``(size,)``."""
        given = prepared.flat[k]
        slots = self.plan.flat[k].slots
        return [
            symbols[self.arrays[s.positions]] if g is None else g for s, g in zip(slots, given, strict=True)
        ]

    def dense_slots(self, k: int, symbols: Array, prepared: Prepared) -> list[Array]:
        """Return the slots of a dense group, each broadcastable to its domain."""
        group = self.plan.dense[k]
        given = prepared.dense[k]
        return [
            dense.view(s, group.shape, symbols) if g is None else g
            for s, g in zip(group.slots, given, strict=True)
        ]

    def mask(self, k: int) -> Array | None:
        """Return the mask of a dense group's domain, None for the full product."""
        number = self.plan.dense[k].mask
        return None if number is None else self.arrays[number]

    def flat_fluxes(self, t: Array, symbols: Array, prepared: Prepared) -> Array:
        """Return the fluxes of all flat groups, one after the other."""
        parts = [
            jnp.broadcast_to(group.law(self.flat_slots(k, symbols, prepared), t), (group.size,))
            for k, group in enumerate(self.plan.flat)
        ]
        return jnp.concatenate(parts) if parts else jnp.zeros(0, symbols.dtype)

    def prepared_field(self, t: Array, y: Array, prepared: Prepared) -> Array:
        """Return dy/dt of the entries that the prepared params cover, in the shape of ``y``."""
        plan, extent = self.plan, self.extent(prepared)
        state = self.whole(y, prepared)
        symbols = self.symbols(t, state, prepared)
        rate = jnp.zeros_like(y)
        if plan.flat:
            incidence = extent.incidence
            flux = self.flat_fluxes(t, symbols, prepared)[self.arrays[incidence.fluxes]]
            change = flux * self.arrays[incidence.coefficients]
            rate = rate.at[self.arrays[incidence.entries]].add(change, indices_are_sorted=True)
        if plan.dense:
            slots = [self.dense_slots(k, symbols, prepared) for k in range(len(plan.dense))]
            masks = [self.mask(k) for k in range(len(plan.dense))]
            wide = dense.rate_of_change(plan, slots, masks, t, y.dtype)  # of whole tensors
            rate = rate + (wide if prepared.held is None else self.moving(wide))
        return rate if prepared.factor is None else rate * self.covered(prepared.factor, prepared)

    def covered(self, values: Array, prepared: Prepared) -> Array:
        """Return the values, by entry of the state, of the entries that the prepared params cover."""
        return values if prepared.held is None else self.moving(values)

    def prepared_jacobian(self, t: Array, y: Array, prepared: Prepared) -> Array:
        """Return ∂f/∂y, square, of the entries that the prepared params cover."""
        return prepared_jacobian(self, t, y, prepared)

    def prepared_time_derivative(self, t: Array, y: Array, prepared: Prepared) -> Array:
        """Return ∂f/∂t of the entries that the prepared params cover, in the shape of ``y``."""
        if not self.plan.reads_time:
            return jnp.zeros_like(y)
        t = jnp.asarray(t, y.dtype)
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
        return self.prepared_field(t, y, self.prepare(params))

    def jacobian(self, t: Array, y: Array, params: Array) -> Array:
        """Return ∂f/∂y, shape ``(n_state, n_state)``, from the derivatives of the templates."""
        return self.prepared_jacobian(t, y, self.prepare(params))

    def time_derivative(self, t: Array, y: Array, params: Array) -> Array:
        """Return ∂f/∂t, shape ``(n_state,)``."""
        return self.prepared_time_derivative(t, y, self.prepare(params))

    def breakpoints(self, params: Array) -> Array:
        """Return the times, sorted, at which conditions on the time switch, shape ``(n_breakpoints,)``."""
        return self.prepare(params).breakpoints

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
        plan, n = self.plan, self.n_state
        initial = plan.initial
        symbols = jnp.concatenate([values, params, jnp.full(plan.n_assigned, jnp.nan, values.dtype)])
        symbols = self.run(initial.levels, symbols, jnp.asarray(t0, values.dtype))
        settled = self.arrays[initial.settled]
        y = values.at[settled].set(symbols[settled])
        targets = self.arrays[initial.targets]
        sizes = symbols[self.arrays[initial.sizes]]
        seen = symbols[targets]
        y = y.at[targets].set(jnp.where(self.arrays[initial.multiply], seen * sizes, seen / sizes))
        return y, symbols[n : n + self.n_params]

    def observe(self, t: Array, y: Array, params: Array) -> Observation:
        """Return species, amounts, concentrations, assigned quantities and fluxes.

        Parameters
        ----------
        t : scalar
            Time.
        y : (n_state,)
            State.
        params : (n_params,)
            Rate constants, packed.

        Returns
        -------
        Observation
        """
        plan, n = self.plan, self.n_state
        prepared = self.prepare(params)
        seen = y if prepared.scale is None else y * prepared.scale
        symbols = self.run(
            plan.dynamic_levels + plan.watched_levels, jnp.concatenate([seen, prepared.static]), t
        )
        at, kind = self.arrays[plan.sizes], self.arrays[plan.sizes + 1]
        sizes = jnp.where(at < 0, 1.0, symbols[jnp.maximum(at, 0)])
        shown = symbols[:n]
        amounts = jnp.where(kind, shown * sizes, shown)
        concentrations = jnp.where(kind, shown, shown / sizes)
        return Observation(
            self.unpack_state(shown),
            self.unpack_state(amounts),
            self.unpack_state(concentrations),
            unpack(plan.assigned, symbols, 0),
            self._fluxes(t, symbols, prepared),
        )

    def _fluxes(self, t: Array, symbols: Array, prepared: Prepared) -> dict[str, Array]:
        flat = self.flat_fluxes(t, symbols, prepared)
        wide = [
            dense.fluxes(group, self.dense_slots(k, symbols, prepared), self.mask(k), t).reshape(-1)
            for k, group in enumerate(self.plan.dense)
        ]
        found = {}
        for segment in self.plan.segments:
            if segment.dense is None:
                found[segment.name] = flat[segment.start : segment.start + segment.size]
            elif segment.entries is None:
                found[segment.name] = wide[segment.dense]
            else:
                found[segment.name] = wide[segment.dense][self.arrays[segment.entries]]
        return found
