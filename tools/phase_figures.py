"""Figures and numbers of docs/phase-diagram.md: `phase_figures.py [FOLDER]` writes them into docs/_static/phase.

Needs about a quarter of an hour on one busy core. Every number on the page comes from numbers.json there.
"""

import argparse
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

import spiralsink as sk
from spiralsink import plots, theory

DELAY = 4
DELAYS = (2, 3, 4, 5, 6, 8)
WIDE_DELAY, WIDTHS = 5, (2, 3, 4)
ROWS = (1.0, 0.5, 0.4, 0.37, 0.36, 0.3, 0.24, 0.23)
BESIDE = 1.005
ESCAPE_P, N_NETWORKS, BUDGETS = 0.1, 64, (500, 2000, 8000)
BOUNDS = (10.0, 30.0, 100.0)
SCHEME, OPTIMIZER = sk.Orthogonal(0.9), sk.Adam(0.01)
SAME = 0.005
TERMS = ("total", *theory.TERM_NAMES)


def main(arguments: list[str] | None = None) -> int:
    """Makes everything, prints the numbers, and returns the exit code."""
    parser = argparse.ArgumentParser(description="Figures and numbers of docs/phase-diagram.md.")
    default = Path(__file__).parents[1] / "docs" / "_static" / "phase"
    parser.add_argument("folder", type=Path, nargs="?", default=default)
    folder = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    over_delays = sk.phase_map(sk.SparseProcess(1), delays=DELAYS, progress=sk.TextProgress())
    diagram = over_delays.diagrams[DELAY, 2]
    print(diagram, over_delays, sep="\n", flush=True)
    over_widths = sk.phase_map(sk.SparseProcess(1), delays=(WIDE_DELAY,), n_hidden=WIDTHS, progress=sk.TextProgress())
    print(over_widths, flush=True)
    numbers = {
        "transition": transition(diagram, folder),
        "terms": terms(diagram, folder),
        "maps": maps(over_delays, over_widths, folder),
        "escape": escape(diagram, folder),
        "made": {"version": sk.__version__, "minutes": round((time.monotonic() - began) / 60, 1)},
    }
    content = json.dumps(numbers, indent=1, allow_nan=False)
    (folder / "numbers.json").write_text(content + "\n", encoding="utf-8")
    print(content)
    return 0


def transition(diagram: sk.PhaseDiagram, folder: Path) -> dict[str, Any]:
    """Branches, crossings and limits of the diagram, and the planes on both sides of the first crossing."""
    save(plots.phase_diagram(diagram)[0].figure, folder / "diagram")
    first = diagram.crossings[0]
    beside = [first.p * BESIDE, first.p / BESIDE]
    planes = plots.branch_planes(diagram, beside)
    for panel, letter in zip(planes, "ab", strict=True):
        plots.panel_letter(panel, letter)
    save(planes[0].figure, folder / "planes")
    table = {name: [row(diagram.branch(name), p) for p in ROWS] for name in ("dense", "sparse")}
    sparse = diagram.branch("sparse")
    return {
        "delay": diagram.delay,
        "status": str(diagram.status),
        "p": first.p,
        "spans": first.spans,
        "radii": first.radii,
        "planes_at": beside,
        "dense_limit": diagram.dense_limit_p,
        "sparse_limit": diagram.sparse_limit_p,
        "sparse_lower_limit": float(sparse.p[0]),
        "escape_p": diagram.escape_p,
        "table": table,
        "branches": [
            {
                "name": each.name,
                "p": [float(each.p[0]), float(each.p[-1])],
                "ends": each.ends,
                "spans": [float(each.eigenangle_span.min()), float(each.eigenangle_span.max())],
                "radii": [float(each.spectral_radius.min()), float(each.spectral_radius.max())],
                "loss": [float(each.loss_per_p[0]), float(each.loss_per_p[-1])],
            }
            for each in diagram.branches
        ],
        "crossings": [
            {"p": each.p, "from": each.above, "to": each.below, "spans": each.spans} for each in diagram.crossings
        ],
    }


def row(branch: sk.PhaseBranch, p: float) -> dict[str, Any]:
    """p, loss, radius and span of a branch; null where it does not pass."""
    if np.isnan(branch.loss_at(p)):
        return {"p": p, "loss_per_p": None, "spectral_radius": None, "eigenangle_span": None}
    modes = sk.measure(branch.network_at(p), sk.Delay(branch.delay))
    return {
        "p": p,
        "loss_per_p": float(branch.loss_at(p)),
        "spectral_radius": float(modes.spectral_radius),
        "eigenangle_span": float(modes.eigenangle_span),
    }


def terms(diagram: sk.PhaseDiagram, folder: Path) -> dict[str, Any]:
    """The four terms on both branches at the crossing, and what each adds to the slope of the difference in log p.

    The slope is computed twice: along the branches, and for the two networks of the crossing held fixed. The totals
    agree because both networks are optima.
    """
    figure, axes = plots.new_panels(1, 2, width=plots.PAGE_WIDTH, height=3.0)
    for panel, kind in zip(axes[0], ("lines", "stacked"), strict=True):
        plots.term_differences(diagram, "sparse", "dense", ax=panel, kind=kind)
    for panel, letter in zip(axes[0], "ab", strict=True):
        plots.panel_letter(panel, letter)
    save(figure, folder / "terms")
    at, step = diagram.crossings[0].p, 0.01
    pair = [diagram.branch(name) for name in ("sparse", "dense")]
    beside = (at * np.exp(-step), at, at * np.exp(step))
    networks = [branch.network_at(p) for branch in pair for p in beside]
    networks += [branch.network_at(at) for branch in pair for _ in beside]
    p = np.array(beside * 4)
    found = sk.expected_loss(
        sk.stack_networks(networks), sk.Delay(diagram.delay), sk.SparseProcess(1, p=p[:, None]), tolerance=1e-7
    )
    rows = {}
    for name in TERMS:
        followed, fixed = (np.asarray(getattr(found, name)) / p).reshape(2, 2, 3)
        difference = followed[0] - followed[1]
        rows[name] = {
            "sparse": float(followed[0, 1]),
            "dense": float(followed[1, 1]),
            "difference": float(difference[1]),
            "slope": float((difference[2] - difference[0]) / (2 * step)),
            "slope_fixed": float((fixed[0, 2] - fixed[1, 2] - fixed[0, 0] + fixed[1, 0]) / (2 * step)),
        }
    drawn = plots.term_differences_data(diagram, "sparse", "dense")
    coefficients = {branch.name: branch.curve.at(float(np.log(at)))[0] for branch in pair}
    return {
        "p": at,
        "rows": rows,
        "coefficients": {name: each.tolist() for name, each in coefficients.items()},
        "projections": {
            branch.name: np.asarray(sk.projections(branch.network_at(at), 8))[:, 0, 0].tolist() for branch in pair
        },
        "along": {
            "p": drawn.p[::25].tolist(),
            **{name: values[::25].tolist() for name, values in drawn.terms.items()},
            "total": drawn.total[::25].tolist(),
        },
    }


def maps(over_delays: sk.PhaseMap, over_widths: sk.PhaseMap, folder: Path) -> dict[str, Any]:
    """Crossings over delays and over numbers of hidden units."""
    for name, found, height in (("delays", over_delays, 3.1), ("widths", over_widths, 2.3)):
        figure, axes = plots.new_panels(1, 2, width=plots.PAGE_WIDTH, height=height)
        # the colour bar of one panel is not the axis of the next
        figure.get_layout_engine().set(wspace=0.09)
        plots.phase_map(found, ax=axes[0, 0])
        plots.phase_map(found, ax=axes[0, 1], quantity="free_fraction", limits=(0, 1))
        axes[0, 1].set_ylabel("")
        for panel, letter in zip(axes[0], "ab", strict=True):
            plots.panel_letter(panel, letter)
        save(figure, folder / name)
    return {
        name: [
            {
                "delay": delay,
                "n_hidden": units,
                "escape_p": each.escape_p,
                "blocked": each.escape.blocked if each.escape else None,
                "status": str(each.status),
                "counts": each.counts,
                "crossings": [
                    {
                        "p": crossing.p,
                        "from": crossing.above,
                        "to": crossing.below,
                        "spans": crossing.spans,
                        "degrees_per_step": [span / delay for span in crossing.spans],
                        "radii": crossing.radii,
                    }
                    for crossing in each.crossings
                ],
            }
            for (delay, units), each in found.diagrams.items()
        ]
        for name, found in (("delays", over_delays), ("widths", over_widths))
    }


def escape(diagram: sk.PhaseDiagram, folder: Path) -> dict[str, Any]:
    """What training finds where there is no best network: budgets, and the price of long directions."""
    task, process = sk.Delay(DELAY), sk.SparseProcess(1, p=ESCAPE_P)
    stack = sk.RecurrentNetwork.init(jax.random.key(0), readout="relu", tied_lag=DELAY, stack=N_NETWORKS, scheme=SCHEME)
    objective = sk.ExpectedLoss(quadrature=theory.Quadrature(64, 1, 32))
    trained = []
    for budget in BUDGETS:
        result = sk.fit(
            stack,
            task,
            process,
            key=jax.random.key(1),
            steps=budget,
            objective=objective,
            optimizer=OPTIMIZER,
            record=sk.Every(0),
        )
        trained.append(result.networks)
        print(f"trained for {budget} steps in {result.seconds:.0f} s", flush=True)
    family = diagram.escape
    members = np.stack([family.coefficients(float(radius)) for radius in np.geomspace(0.04, 0.6, N_NETWORKS)])
    W_x, W_h, W_y = (np.asarray(each) for each in theory.transfer_weights(members))
    with_all = [sk.expected_loss(each, task, process) for each in trained]
    along = sk.expected_loss(sk.RecurrentNetwork(W_x, W_h, W_y, readout="relu"), task, process)
    losses = [np.asarray(each.total) / ESCAPE_P for each in with_all]
    gains = [gain(np.asarray(sk.projections(each, 24))[..., 0, 0]) for each in trained]
    line = gain(np.asarray(theory.transfer_projections(members, 24))), np.asarray(along.total) / ESCAPE_P
    best = [sk.optimum(task, process, restarts=16, bound=sk.GainBound(limit)) for limit in BOUNDS]
    infimum = float(family.infimum(ESCAPE_P))
    silent = float(process.replace(p=1.0).amplitudes[0].second_moment)
    save(escape_figure(losses, gains, line, best, infimum, silent), folder / "escape")
    levels = {each.name: float(each.loss_at(ESCAPE_P)) for each in diagram.branches}
    levels = {name: level for name, level in levels.items() if np.isfinite(level)}
    lowest = min(levels, key=lambda name: levels[name])
    return {
        "p": ESCAPE_P,
        "n_networks": N_NETWORKS,
        "first_radius": SCHEME.gain,
        "learning_rate": OPTIMIZER.learning_rate,
        "infimum": infimum,
        "silent": silent,
        "branches": levels,
        "lowest_branch": lowest,
        "trained": [
            {
                "steps": budget,
                "best": float(np.nanmin(loss)),
                "median": float(np.nanmedian(loss)),
                "gain_of_best": float(size[np.nanargmin(loss)]),
                "below_branches": int((loss < (1 - SAME) * levels[lowest]).sum()),
                "on_branches": sum(int((np.abs(loss / level - 1) <= SAME).sum()) for level in levels.values()),
                "unstable": int(np.isinf(loss).sum()),
                "diverged": int(np.isnan(loss).sum()),
            }
            for budget, loss, size in zip(BUDGETS, losses, gains, strict=True)
        ],
        "bounded": [
            {
                "bound": each.bound.limit,
                "loss_per_p": float(each.loss_per_p),
                "active": bool(each.bound_active),
                "status": str(each.status),
                "spectral_radius": float(sk.measure(each.network, task).spectral_radius),
                "eigenangle_span": float(sk.measure(each.network, task).eigenangle_span),
            }
            for each in best
        ],
    }


def gain(a: np.ndarray) -> np.ndarray:
    """max_s |a_s| / max(a_k, 1) of projections (n, lags)."""
    return np.abs(a).max(axis=-1) / np.maximum(a[..., DELAY], 1.0)


def escape_figure(losses: Any, gains: Any, line: Any, best: Any, infimum: float, silent: float) -> Any:
    """Loss of trained networks by budget, and by the length of what they write."""
    figure, axes = plots.new_panels(1, 2, width=plots.PAGE_WIDTH, height=2.8, sharey=True)
    left, right = axes[0]
    rng = np.random.default_rng(0)
    with plots.style():
        for i, (loss, size) in enumerate(zip(losses, gains, strict=True)):
            drawn = plots.series_style(i)
            points = {"linestyle": "none", "marker": drawn["marker"], "markersize": 3.2, "markeredgewidth": 0.5}
            points |= {"markerfacecolor": "none", "color": drawn["color"]}
            left.plot(i + rng.uniform(-0.22, 0.22, len(loss)), loss, **points)
            left.plot([i - 0.33, i + 0.33], [np.nanmin(loss)] * 2, color=drawn["color"], linewidth=1.6)
            right.plot(size, loss, **points, label=f"trained, {BUDGETS[i]} steps")
        left.set_xticks(range(len(BUDGETS)), [str(each) for each in BUDGETS])
        left.set(xlabel="training steps", ylabel="expected loss $E[L]/p$", xlim=(-0.5, len(BUDGETS) - 0.5))
        order = np.argsort(line[0])
        right.plot(line[0][order], line[1][order], color=plots.MUTED, linewidth=1.2, label="escape family", zorder=1)
        at_bound = {"linestyle": "none", "marker": "*", "markersize": 7, "color": plots.INK, "zorder": 4}
        right.plot([each.bound.limit for each in best], [each.loss_per_p for each in best], **at_bound)
        right.plot([], [], **at_bound, label="best within a gain")
        for panel in (left, right):
            panel.axhline(infimum, color=plots.INK, linestyle=(0, (1, 1.6)), linewidth=1.2, zorder=0.5)
            panel.set_ylim(0, silent * 1.04)
        left.annotate("infimum of the escape", (0.02, infimum), xycoords=("axes fraction", "data"), xytext=(0, -9),
                      textcoords="offset points", fontsize=6.5)  # fmt: skip
        right.set(xscale="log", xlabel="gain: largest $|a_s|$ / larger of $a_k$ and 1", xlim=(0.1, 400))
        right.legend(loc="upper right")
    for panel, letter in zip((left, right), "ab", strict=True):
        plots.panel_letter(panel, letter)
    return figure


def save(figure: Any, stem: Path) -> None:
    """Writes a small PNG: 200 dots per inch and as many colours as the figures have."""
    from PIL import Image

    content = io.BytesIO()
    with plots.style():
        figure.savefig(content, format="png", dpi=200, metadata={"Software": None})
    image = Image.open(content).convert("RGB").quantize(256)
    image.save(stem.with_suffix(".png"), optimize=True)


if __name__ == "__main__":
    sys.exit(main())
