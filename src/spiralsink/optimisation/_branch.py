"""A curve of critical points, as followed: points, stability, how it ended, and what lies between its points."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from .._status import Status
from ._hermite import hermite

_ALONG = ("point", "parameter", "value", "slope", "tangent", "curvature", "stable")


@dataclasses.dataclass(frozen=True)
class Branch:
    """A curve of critical points x(lambda) of f, in the order in which it was followed.

    Attributes:
        point: x, (m, d).
        parameter: lambda, (m,).
        value: f, (m,).
        slope: df/dlambda along the curve, (m,).
        tangent: Tangent (dx, dlambda), (m, d + 1), of Euclidean length 1.
        curvature: Smallest eigenvalue of the Hessian by x, (m,).
        stable: Whether the Hessian is positive definite, (m,): the point is a local minimum of f. False at folds.
        folds: Indices of the points at which lambda turns back.
        end: "range" (a limit of lambda), "bound" (the boundary), "fold" (as many folds as allowed were passed),
            "points" (as many points as allowed) or "lost" (no step could be corrected).
        status: CONVERGED for the ends "range", "bound" and "fold", else UNCONVERGED.
    """

    point: Float[np.ndarray, "m d"]
    parameter: Float[np.ndarray, " m"]
    value: Float[np.ndarray, " m"]
    slope: Float[np.ndarray, " m"]
    tangent: Float[np.ndarray, "m d+1"]
    curvature: Float[np.ndarray, " m"]
    stable: Bool[np.ndarray, " m"]
    folds: Int[np.ndarray, " n_folds"]
    end: str
    status: Status

    def __getitem__(self, rows: slice) -> "Branch":
        """A stretch of the curve; the end stays that of the whole."""
        kept = {name: getattr(self, name)[rows] for name in _ALONG}
        found = np.zeros(len(self.parameter), dtype=bool)
        found[self.folds] = True
        return dataclasses.replace(self, **kept, folds=np.flatnonzero(found[rows]))

    def reversed(self) -> "Branch":
        """The same points in the other order; the end stays that of the curve as it was followed."""
        turned = self[::-1]
        return dataclasses.replace(turned, tangent=-turned.tangent)

    @staticmethod
    def join(pieces: Sequence["Branch"]) -> "Branch":
        """One curve of pieces that follow each other, with points that they share only once; the end of the last.

        Args:
            pieces: At least one.
        """
        kept = [pieces[0]]
        for piece in pieces[1:]:
            shared = abs(piece.parameter[0] - kept[-1].parameter[-1]) < 1e-12
            kept.append(piece[1:] if shared else piece)
        joined = {name: np.concatenate([getattr(piece, name) for piece in kept]) for name in _ALONG}
        starts = np.cumsum([0] + [len(piece.parameter) for piece in kept[:-1]])
        folds = np.concatenate([piece.folds + start for piece, start in zip(kept, starts, strict=True)])
        return dataclasses.replace(kept[-1], **joined, folds=folds)

    def at(self, parameter: float) -> tuple[np.ndarray, float]:
        """The point x and f at a lambda within the curve, by cubic interpolation; the first place that it passes.

        Args:
            parameter: lambda.

        Raises:
            ValueError: If the curve does not pass there.
        """
        between = (self.parameter[:-1] - parameter) * (self.parameter[1:] - parameter) <= 0
        if not between.any():
            raise ValueError(f"the branch does not pass {parameter}")
        first = int(np.argmax(between))
        pair = slice(first, first + 2)
        ends, tangents = self.parameter[pair], self.tangent[pair]
        y = np.column_stack([self.point[pair], ends])
        lengths = (0.0, float(np.linalg.norm(y[1] - y[0])))
        # along the curve, where everything is smooth also at a fold
        low, high = lengths
        for _ in range(60):
            middle = (low + high) / 2
            before = (hermite(lengths, ends, tangents[:, -1], middle) - parameter) * (ends[0] - parameter) > 0
            low, high = (middle, high) if before else (low, middle)
        point = hermite(lengths, y, tangents, (low + high) / 2)[:-1]
        return point, float(hermite(ends, self.value[pair], self.slope[pair], parameter))
