"""Figures of the starts of a fit: where they ended, how they got there, and at which parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from converters.training.figures import BAD, CURVE, INK, PALE, panels, parts
from converters.training.train import Fit
from icrn_core.multistart import Start, StartCode

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What is added to differences of losses, so that the best has a place on a logarithmic axis.
SMALL = 1e-3
_CLOSE = 0.01
_MOST_STARTS, _ROWS = 5, 40


def starts_figure(fit: Fit) -> Figure:
    """Return the waterfall plot of the starts, and their losses over the iterations."""
    figure, (left, right) = panels(2, 4.8, 3.0, 2)
    _waterfall(left, fit)
    _convergence(right, fit)
    return figure


def _waterfall(ax: Axes, fit: Fit) -> None:
    losses = np.array([start.best_loss for start in fit.starts])
    kept = np.isfinite(losses)
    heights = losses[kept] - fit.loss + SMALL
    rank = np.arange(1, kept.sum() + 1)
    ends = np.array([start.code for start in fit.starts])[kept]
    is_close = heights <= _CLOSE + SMALL
    ax.plot(rank, heights, color=PALE, lw=0.8, zorder=1)
    groups = (
        ("within 0.01 of the best", is_close, CURVE, "o"),
        ("elsewhere", ~is_close & (ends == StartCode.CONVERGED), INK, "o"),
        ("elsewhere, not converged", ~is_close & (ends != StartCode.CONVERGED), BAD, "x"),
    )
    for label, own, shade, mark in groups:
        if own.any():
            ax.plot(rank[own], heights[own], mark, ms=4, color=shade, label=label)
    ax.set_yscale("log")
    ax.set_ylim(SMALL / 2, max(heights.max() * 2, 0.1))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("start, best first")
    ax.set_ylabel(f"loss − best + {SMALL:g}")
    ax.legend(loc="upper left")
    failed = int((~kept).sum())
    if failed:
        ax.set_title(f"{failed} starts without a result are not shown", loc="right", color=BAD)


def _convergence(ax: Axes, fit: Fit) -> None:
    for k, start in reversed(list(enumerate(fit.starts))):
        heights = np.array(start.history, dtype=float) - fit.loss + SMALL
        heights[~(np.isfinite(heights) & (heights > 0))] = np.nan
        is_best = k == 0
        ax.plot(
            np.arange(len(heights)),
            heights,
            color=CURVE if is_best else PALE,
            lw=1.8 if is_best else 0.8,
            label="best start" if is_best else "other starts" if k == 1 else None,
        )
    ax.set_yscale("log")
    ax.set_xlabel("iteration")
    ax.set_ylabel(f"loss − best + {SMALL:g}")
    ax.legend(loc="upper right")


def parameter_figures(fit: Fit) -> list[Figure]:
    """Return where the parameters of the best few starts lie between their bounds."""
    shown = [s for s in fit.starts if s.best is not None and np.isfinite(s.best_loss)][:_MOST_STARTS]
    numbers = np.arange(len(fit.bound.problem.fitted))
    return [_parameter_figure(fit, shown, part) for part in parts(numbers, _ROWS)]


def _parameter_figure(fit: Fit, shown: list[Start], rows: np.ndarray) -> Figure:
    figure, (ax,) = panels(1, 7.5, 1.0 + 0.2 * len(rows))
    points = np.array([start.best for start in shown])[:, rows]
    lower, upper = _reach(fit, points, rows)
    places = (points - lower) / np.where(upper > lower, upper - lower, 1.0)
    heights = np.arange(len(rows))
    ax.hlines(heights, 0, 1, color="#e1e8ef", lw=1, zorder=0)
    for k in reversed(range(len(shown))):
        label = f"best (start {shown[0].number})" if k == 0 else f"next {len(shown) - 1}" if k == 1 else None
        style = {"color": CURVE, "ms": 5.5} if k == 0 else {"mec": INK, "mfc": "none", "ms": 5, "mew": 0.7}
        ax.plot(places[k], heights, "o", ls="none", label=label, clip_on=False, zorder=3 + (k == 0), **style)
    names = [fit.bound.problem.fitted[k].id for k in rows]
    ax.set_yticks(heights, [name if len(name) <= 40 else f"{name[:38]}…" for name in names])
    ax.set_xticks([0, 0.5, 1], ["lower bound", "", "upper bound"])
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlabel("value between the bounds, on the scale of the parameter")
    ax.tick_params(axis="y", length=0)
    ax.spines[["left"]].set_visible(False)
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside upper center", ncols=2)
    return figure


def _reach(fit: Fit, points: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds on the scales; where one is missing, the outermost of the points."""
    lower, upper = fit.bound.lower[rows], fit.bound.upper[rows]
    return np.where(np.isfinite(lower), lower, points.min(axis=0)), np.where(
        np.isfinite(upper), upper, points.max(axis=0)
    )
