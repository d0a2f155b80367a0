"""Where every entry of every base stands in the flat symbol vector that rate laws read.

The symbol vector is ``[base species | rate constants | assigned quantities]``, each base one
contiguous block in C order, so that every reference is an affine function of the indices of
its domain: ``position = offset + Σ_axis stride[axis] · index[axis]``, repeated symbols
(``D[i,i]``) and positions in the index set (``M[0]``) included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from icrn_core.icrn import ICRN, IndexDomain, Reference


@dataclass(frozen=True)
class Affine:
    """Positions of a reference over a domain: offset and one stride per index symbol."""

    offset: int
    strides: tuple[int, ...]


@dataclass(frozen=True)
class Block:
    """A base in the symbol vector."""

    name: str
    offset: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(np.prod(self.shape, dtype=np.int64))


class Layout:
    """The blocks of an ICRN's bases, and the positions of references to them.

    The last ``n_modes`` entries of its rate constants are modes, see `icrn_core.modes`.
    """

    def __init__(self, icrn: ICRN, n_modes: int = 0) -> None:
        self.icrn = icrn
        self.n_modes = n_modes
        self.blocks: dict[str, Block] = {}
        offset = 0
        for base in icrn.bases:
            self.blocks[base.name] = Block(base.name, offset, base.shape)
            offset += base.size
        self.n_symbols = offset
        self.n_state = sum(base.size for base in icrn.species)
        self.n_params = sum(base.size for base in icrn.constants) - n_modes
        self.n_assigned = offset - self.n_state - self.n_params - n_modes

    @property
    def modes(self) -> np.ndarray:
        """Positions of the modes."""
        return self.n_state + self.n_params + np.arange(self.n_modes)

    def affine(self, reference: Reference, domain: IndexDomain) -> Affine:
        """Return the reference's position as an affine function of the domain's indices."""
        block = self.blocks[reference.base]
        axes = {symbol.name: axis for axis, symbol in enumerate(domain.symbols)}
        strides = [0] * len(domain.symbols)
        offset, step = block.offset, 1
        for index, length in zip(reversed(reference.indices), reversed(block.shape), strict=True):
            if isinstance(index, str):
                strides[axes[index]] += step
            else:
                offset += step * int(index)
            step *= length
        return Affine(offset, tuple(strides))

    def positions(self, reference: Reference, domain: IndexDomain) -> np.ndarray:
        """Return the positions of a reference, one per tuple of the domain, shape ``(size,)``."""
        return affine_positions(self.affine(reference, domain), domain)

    def placed(self, base_name: str, positions: tuple[int, ...], n: int) -> np.ndarray:
        """Return the positions that a `Placement` gives ``n`` entries, shape ``(n,)``."""
        at = self.blocks[base_name].offset + np.asarray(positions, dtype=np.int64)
        return np.broadcast_to(at, (n,)) if len(at) == 1 else at

    def label(self, position: int) -> str:
        """Return the name of an entry, ``X[a,b]``."""
        for base in self.icrn.bases:
            block = self.blocks[base.name]
            if block.offset <= position < block.offset + block.size:
                where = np.unravel_index(position - block.offset, block.shape)
                labels = [s.labels[int(k)] for s, k in zip(base.index_sets, where, strict=True)]
                return f"{base.name}[{','.join(labels)}]" if labels else base.name
        raise IndexError(position)


def affine_positions(affine: Affine, domain: IndexDomain) -> np.ndarray:
    """Return the positions of an affine reference over a domain's tuples, shape ``(size,)``."""
    if domain.relation is not None:
        strides = np.asarray(affine.strides, dtype=np.int64)
        return affine.offset + np.asarray(domain.relation, dtype=np.int64) @ strides
    at = np.full((1,) * len(domain.shape), affine.offset, dtype=np.int64)
    for axis, (stride, length) in enumerate(zip(affine.strides, domain.shape, strict=True)):
        shape = [1] * len(domain.shape)
        shape[axis] = length
        at = at + (stride * np.arange(length, dtype=np.int64)).reshape(shape)
    return at[domain.mask] if domain.mask is not None else at.reshape(-1)
