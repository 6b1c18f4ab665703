"""The sparse system of displacements and tractions, and its factorisation by MUMPS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mechanics.assembly import Discretisation, Ints
from mechanics.fenics import PETSc
from mechanics.profile import Floats


@dataclass(frozen=True)
class Entries:
    """Entries of a sparse matrix; those in one place add up."""

    rows: Ints
    columns: Ints
    values: Floats

    @classmethod
    def joined(cls, parts: list[tuple[Ints, Ints, Floats]]) -> Entries:
        """Return the entries of several blocks, each with arrays that broadcast together."""
        flat = [[np.ravel(a) for a in np.broadcast_arrays(*part)] for part in parts]
        return cls(*(np.concatenate(column) for column in zip(*flat, strict=True)))


@dataclass(frozen=True)
class _Places:
    """Where the entries of the last call went."""

    rows: Ints
    columns: Ints
    kept: Ints
    """Entries between unknowns that are not held."""
    slots: Ints

    def same_places(self, entries: Entries) -> bool:
        """Whether other entries have the same rows and columns."""
        return np.array_equal(self.rows, entries.rows) and np.array_equal(
            self.columns, entries.columns
        )


class System:
    """Sparse matrix on the free displacement components and further unknowns.

    Keeps MUMPS's analysis of the pattern for as long as the pattern stays.

    Parameters
    ----------
    space
        Displacement space.
    fixed
        Displacement components that are held at zero.
    further
        Number of unknowns beside the displacements, numbered behind them.
    """

    def __init__(self, space: Discretisation, fixed: Ints, further: int) -> None:
        total = space.dof_count + further
        self.free = np.setdiff1d(np.arange(total), fixed)
        self._number = np.full(total, -1)
        self._number[self.free] = np.arange(len(self.free))
        self._symmetric = further == 0
        dofs = self._number[space.element_dofs]
        rows = np.repeat(dofs, 18, axis=1).ravel()
        columns = np.tile(dofs, (1, 18)).ravel()
        self._kept = np.flatnonzero((rows >= 0) & (columns >= 0))
        self._element_keys = rows[self._kept] * len(self.free) + columns[self._kept]
        self._keys: Ints = np.empty(0, dtype=np.int64)
        self._matrix: Any = None
        self._solver: Any = None
        self._known: _Places | None = None

    def _widen(self, keys: Ints) -> None:
        """Make the matrix and its solver anew with further places."""
        if self._matrix is None:
            keys = np.concatenate((self._element_keys, keys))
        else:
            self._matrix.destroy()
            self._solver.destroy()
        self._keys = _distinct(np.concatenate((self._keys, keys)))
        self._element_slot = np.searchsorted(self._keys, self._element_keys)
        size = len(self.free)
        starts = np.searchsorted(self._keys // size, np.arange(size + 1)).astype(np.int32)
        self._values = np.zeros(len(self._keys))
        # the matrix shares these values: they need not be copied for each factorisation
        self._matrix = PETSc.Mat().createAIJWithArrays(
            (size, size),
            (starts, (self._keys % size).astype(np.int32), self._values),
            comm=PETSc.COMM_SELF,
        )
        self._matrix.setOption(PETSc.Mat.Option.SYMMETRIC, self._symmetric)
        self._solver = _mumps(self._matrix, self._symmetric)

    def fill(self, element_stiffness: Floats, entries: Entries | None = None) -> None:
        """Sum element matrices, shape (cells, 18, 18), and further entries."""
        if entries is None:
            if self._matrix is None:
                self._widen(self._keys)
            self._values[:] = 0.0
        else:
            slots, values = self._slots(entries)
            self._values[:] = np.bincount(slots, values, minlength=len(self._keys))
        values = element_stiffness.ravel()[self._kept]
        self._values += np.bincount(self._element_slot, values, minlength=len(self._keys))
        self._matrix.assemble()

    def _slots(self, entries: Entries) -> tuple[Ints, Floats]:
        """Return the places of entries, after widening the pattern where it lacks one."""
        known = self._known
        if known is None or not known.same_places(entries):
            rows, columns = self._number[entries.rows], self._number[entries.columns]
            kept = np.flatnonzero((rows >= 0) & (columns >= 0))
            keys = rows[kept] * len(self.free) + columns[kept]
            if self._matrix is None:
                self._widen(keys)
            slots = np.searchsorted(self._keys, keys)
            lacking = keys[self._keys[np.minimum(slots, len(self._keys) - 1)] != keys]
            if len(lacking) > 0:
                self._widen(lacking)
                slots = np.searchsorted(self._keys, keys)
            known = self._known = _Places(entries.rows, entries.columns, kept, slots)
        return known.slots, entries.values[known.kept]

    def solve(self, right: Floats) -> Floats:
        """Factorise and return the unknowns for a right side, both over all unknowns.

        The result is not finite where the matrix is singular.
        """
        self._solver.setOperators(self._matrix)
        return self.solve_again(right)

    def solve_again(self, right: Floats) -> Floats:
        """Solve with the last factorisation."""
        given, answer = self._matrix.createVecs()
        given.array[:] = right[self.free]
        try:
            self._solver.solve(given, answer)
            converged = self._solver.getConvergedReason() > 0
        except PETSc.Error:
            converged = False
        unknowns = np.zeros(len(right))
        unknowns[self.free] = answer.array if converged else np.nan
        if not converged:
            # MUMPS does not factorise another matrix after one that it failed on
            self._solver.destroy()
            self._solver = _mumps(self._matrix, self._symmetric)
        given.destroy()
        answer.destroy()
        return unknowns


def _distinct(keys: Ints) -> Ints:
    """Return sorted keys without repetitions; several times faster than `numpy.unique`."""
    ordered = np.sort(keys)
    distinct: Ints = ordered[np.append(True, ordered[1:] != ordered[:-1])]
    return distinct


def _mumps(matrix: Any, symmetric: bool) -> Any:
    """Return PETSc's interface to the direct solver MUMPS for a matrix."""
    solver = PETSc.KSP().create(PETSc.COMM_SELF)
    solver.setOperators(matrix)
    solver.setType(PETSc.KSP.Type.PREONLY)
    preconditioner = solver.getPC()
    preconditioner.setType(PETSc.PC.Type.CHOLESKY if symmetric else PETSc.PC.Type.LU)
    preconditioner.setFactorSolverType("mumps")
    preconditioner.setFactorSetUpSolverType()
    factors = preconditioner.getFactorMatrix()
    # measured the fastest on stacks with an island
    factors.setMumpsIcntl(7, 4)  # ordering by PORD
    factors.setMumpsIcntl(8, 0)  # no scaling: rows are alike
    factors.setMumpsIcntl(14, 60)  # per cent of memory to spare for pivots far from the diagonal
    return solver
