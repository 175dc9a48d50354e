"""Made-up datasets of sweeps, as `open_store` gives them, with every kind of axis and every kind of loss."""

import json

import numpy as np

from spiralsink.training import Variable, labelled

SPARSE = np.geomspace(0.02, 1.0, 6).tolist()
AXES = {
    "no axis": [],
    "one": [(("p",), [(p,) for p in SPARSE])],
    "two": [(("p",), [(p,) for p in SPARSE]), (("delay",), [(2,), (4,), (8,)])],
    "three": [
        (("p",), [(p,) for p in SPARSE]),
        (("delay",), [(2,), (4,)]),
        (("n_hidden",), [(2,), (4,), (8,)]),
    ],
    "four": [
        (("p",), [(p,) for p in SPARSE]),
        (("delay",), [(2,), (4,)]),
        (("n_hidden",), [(2,), (4,), (8,)]),
        (("recurrence",), [("linear",), ("relu",)]),
    ],
    "words": [(("readout",), [("linear",), ("relu",)])],
    "words first": [(("recurrence",), [("linear",), ("relu",), ("tanh",)]), (("p",), [(p,) for p in SPARSE])],
    "words only": [(("recurrence",), [("linear",), ("relu",), ("tanh",)]), (("readout",), [("linear",), ("relu",)])],
    "zipped": [(("delay", "horizon"), [(2, 12), (4, 18), (8, 30)]), (("p",), [(0.1,), (0.5,)])],
    "zipped, none alone": [(("delay", "horizon"), [(2, 12), (2, 18), (4, 18), (4, 30)])],
    "five values": [(("p",), [(p,) for p in SPARSE]), (("delay",), [(k,) for k in (1, 2, 4, 6, 8)])],
    "many values": [(("p",), [(p,) for p in SPARSE]), (("delay",), [(k,) for k in range(1, 11)])],
    "one value": [(("p",), [(0.5,)])],
}


def sweep_dataset(axes, *, n_seeds=8, lost=0.2, kind="mixed", seed=0):
    """A dataset of every point of the axes, each a pair of the names of its coordinates and the rows of their values.

    `kind` "mixed" has diverged and dead networks and such without an angle, `lost` of each; "alive" has none; with
    "dead" and "diverged" all are.
    """
    rng = np.random.default_rng(seed)
    points = [()]
    for _, values in axes:
        points = [(*point, *row) for point in points for row in values]
    names = [name for group, _ in axes for name in group]
    rows = [point for point in points for _ in range(n_seeds)]
    count = len(rows)
    columns = {name: np.array([row[i] for row in rows]) for i, name in enumerate(names)}
    columns = {name: each.astype(object) if each.dtype.kind == "U" else each for name, each in columns.items()}
    p = columns.get("p", np.full(count, 0.5))
    columns = {"p": p} | columns | {"seed": np.tile(np.arange(n_seeds), len(points))}
    share = rng.random(count)
    loss = p * (0.1 + 0.3 * share)
    status = np.where(share < 0.7, "converged", "unconverged").astype(object)
    regime = np.where(p < 0.3, np.where(share < 0.8, "sparse", "between"), "dense").astype(object)
    span = np.abs(np.where(p < 0.3, 268.0, 95.0) + 60 * share * rng.standard_normal(count))
    fate = {"mixed": rng.random(count), "alive": np.ones(count), "dead": np.full(count, -1.0)}.get(
        kind, -np.ones(count)
    )
    diverged = fate < lost if kind == "diverged" else (fate >= 0) & (fate < lost)
    dead = np.full(count, kind == "dead") | ((fate >= lost) & (fate < 2 * lost))
    loss = np.where(diverged, np.nan, np.where(dead, p / 3, loss))
    status[diverged], status[dead] = "diverged", "dead"
    regime[diverged], regime[dead] = "", "unrepresented"
    regime[(fate >= 2 * lost) & (fate < 3 * lost)] = ""
    span[diverged | ((fate >= 2 * lost) & (fate < 3 * lost))] = np.nan
    numbers = {
        "loss": loss,
        "eigenangle_span": span,
        "spectral_radius": np.where(diverged, np.nan, 0.6 + 0.3 * share),
        "free_fraction": np.where(diverged, np.nan, np.where(p < 0.3, 0.9 + 0.1 * share, 0.2 * share)),
        "sharpness": np.where(diverged | dead, np.nan, 0.5 * share),
    }
    variables = {name: Variable(("network",), each) for name, each in numbers.items()}
    variables |= {"status": Variable(("network",), status), "regime": Variable(("network",), regime)}
    attributes = {"axes": json.dumps([list(group) for group, _ in axes]), "store": "made-up"}
    return labelled(variables, coordinates=columns, attributes=attributes)
