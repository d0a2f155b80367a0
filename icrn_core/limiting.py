"""Fast reactions: they go on at once until one of their reactants is used up.

The extent of a fast reaction Σ a_m X_m → Σ b_m X_m is

    ξ = min over m of X_m / a_m,        X ← X + ξ (b − a)

(limiting reagent; Lee, Buse and Winfree, DNA 31, 2025). This is exact where no species is a reactant
of two fast reactions. A product may be a reactant of another fast reaction: reactions are then
resolved in the order in which they feed each other, each once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array

from icrn_core.authoring import AuthoredNetwork
from icrn_core.errors import IcrnError
from icrn_core.icrn import IndexedReaction
from icrn_core.layout import Layout


@dataclass(frozen=True, eq=False)
class LimitingReagents:
    """Lets fast reactions happen in a state; a function of the tensors by base species.

    Attributes
    ----------
    shapes : mapping of str to tuple of int
        Shapes of the base species; tensors may have more axes behind these (points of a grid).
    levels : tuple of (entries, counts, changed, changes)
        Reactions that can be resolved together: positions and stoichiometries of reactants,
        ``(n_reactions, n_reactants)``, and of all that changes. The position after the last entry
        stands for none.
    """

    shapes: Mapping[str, tuple[int, ...]]
    levels: tuple[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], ...]

    def __call__(self, state: Mapping[str, Array]) -> dict[str, Array]:
        """Return the state after the fast reactions."""
        parts, more = [], {}
        for name, shape in self.shapes.items():
            tensor = jnp.asarray(state[name])
            more[name] = tensor.shape[len(shape) :]
            parts.append(tensor.reshape(int(np.prod(shape)), -1))
        y = jnp.concatenate(parts)
        for entries, counts, changed, changes in self.levels:
            padded = jnp.concatenate([y, jnp.full_like(y[:1], jnp.inf)])
            extent = (padded[entries] / counts[:, :, None]).min(axis=1)
            y = y.at[changed].add(changes[:, :, None] * extent[:, None, :], mode="drop")
        found, start = {}, 0
        for name, shape in self.shapes.items():
            size = int(np.prod(shape))
            found[name] = y[start : start + size].reshape(*shape, *more[name])
            start += size
        return found


def limiting_reagents(network: AuthoredNetwork) -> LimitingReagents:
    """Return what the fast reactions of a network do to a state.

    Parameters
    ----------
    network : AuthoredNetwork
        With reactions made by `icrn_core.fast`.

    Raises
    ------
    IcrnError
        A species is a reactant of two fast reactions, or of one that also makes it; or fast
        reactions feed each other in a circle. The message names them.
    """
    layout = Layout(network.icrn)
    n_state = sum(base.size for base in network.icrn.species)
    owner = np.full(n_state + 1, -1)
    rows: list[tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    for reaction in network.fast:
        for row in _rows(layout, reaction):
            for entry in row[1]:
                if owner[entry] >= 0:
                    first, second = rows[owner[entry]][0], reaction.name
                    which = f"'{first}' and '{second}'" if first != second else f"'{first}', twice"
                    raise IcrnError(
                        f"'{layout.label(int(entry))}' is a reactant of two fast reactions ({which}): "
                        "who gets it is not determined, give one of them a finite rate"
                    )
                owner[entry] = len(rows)
            rows.append(row)
    depth = _depths(rows, owner)
    levels = [[row for row, d in zip(rows, depth, strict=True) if d == k] for k in sorted(set(depth))]
    shapes = {base.name: base.shape for base in network.icrn.species}
    return LimitingReagents(shapes, tuple(_level(level, n_state) for level in levels))


def _rows(layout: Layout, reaction: IndexedReaction) -> list[tuple]:
    """Return for each tuple: name, reactants, their stoichiometries, all that changes, by how much."""
    if not reaction.reactants:
        raise IcrnError(f"the fast reaction '{reaction.name}' has no reactant: it would never end")
    size = reaction.domain.size
    left, right = (
        np.array([layout.positions(t.species, reaction.domain) for t in side], np.int64).reshape(-1, size).T
        for side in (reaction.reactants, reaction.products)
    )
    used, made = ([t.stoichiometry for t in side] for side in (reaction.reactants, reaction.products))
    rows = []
    for before, after in zip(left, right, strict=True):
        entries, inverse = np.unique(before, return_inverse=True)
        both = set(entries) & set(after)
        if both:
            raise IcrnError(
                f"the fast reaction '{reaction.name}' uses and makes '{layout.label(int(both.pop()))}': "
                "its end is not determined, give it a finite rate"
            )
        counts = np.bincount(inverse, weights=used)
        changes = np.concatenate([-counts, made])
        rows.append((reaction.name, entries, counts, np.concatenate([entries, after]), changes))
    return rows


def _depths(rows: list[tuple], owner: np.ndarray) -> list[int]:
    """Return after how many others each reaction can be resolved."""
    feeds = [
        {int(owner[entry]) for entry in changed[len(entries) :] if owner[entry] >= 0}
        for _, entries, _, changed, _ in rows
    ]
    depth = [0] * len(rows)
    for _ in range(len(rows) + 1):
        found = list(depth)
        for row, targets in enumerate(feeds):
            for target in targets:
                found[target] = max(found[target], depth[row] + 1)
        if found == depth:
            return depth
        depth = found
    names = ", ".join(sorted({f"'{rows[k][0]}'" for k, d in enumerate(depth) if d >= len(rows) // 2}))
    raise IcrnError(f"the fast reactions {names} feed each other in a circle: give one of them a finite rate")


def _level(rows: list[tuple], n_state: int) -> tuple[np.ndarray, ...]:
    def padded(column: int, fill: float) -> np.ndarray:
        width = max(len(row[column]) for row in rows)
        return np.stack(
            [np.pad(row[column], (0, width - len(row[column])), constant_values=fill) for row in rows]
        )

    return padded(1, n_state), padded(2, 1.0), padded(3, n_state), padded(4, 0.0)
