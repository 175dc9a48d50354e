"""Folders and payloads for the explorer: networks of every class, and what Python finds in their weights."""

import functools
import itertools
import json
import unittest.mock

import msgspec
import numpy as np

import spiralsink as sk
from spiralsink._tensors import describe_network
from spiralsink.claims import Kept
from spiralsink.data import BlockHeader, block_file, encode_block
from spiralsink.explorer._assemble import assemble
from spiralsink.explorer._group import Given, Group
from spiralsink.explorer._loss_terms import Terms
from spiralsink.training import Variable

COUNT = 50
# class -> sizes (features, hidden, outputs), recurrence, readout, tied, biases
CLASSES = {
    "linear": ((1, 2, 1), "linear", "linear", False, False),
    "ssm": ((1, 2, 1), "linear", "relu", False, False),
    "tied": ((1, 2, 1), "linear", "relu", True, False),
    "nonlinear": ((1, 2, 1), "relu", "relu", True, False),
    "biased": ((2, 3, 2), "relu", "relu", False, True),
    "tanh": ((1, 3, 1), "tanh", "linear", False, True),
    "vectors": ((5, 2, 5), "linear", "relu", True, False),
    "wide": ((4, 12, 3), "relu", "relu", False, False),
}
DELAY = 3


def networks_of(name, count=COUNT, seed=0):
    """A stack of random networks of one class, float32, of spectral radius about one."""
    (n_x, n_h, n_y), recurrence, readout, tied, biased = CLASSES[name]
    rng = np.random.default_rng([seed, sorted(CLASSES).index(name)])

    def draw(*shape, scale=1.0):
        return (scale * rng.standard_normal((count, *shape))).astype(np.float32)

    W_y = sk.Tied(DELAY) if tied else draw(n_h, n_y)
    biases = {"b_h": draw(n_h, scale=0.3), "b_y": draw(n_y, scale=0.3)} if biased else {}
    W_x, W_h = draw(n_h, n_x), draw(n_h, n_h, scale=0.9 / np.sqrt(n_h))
    return sk.RecurrentNetwork(W_x, W_h, W_y, recurrence=recurrence, readout=readout, **biases)


def group_of(networks, key, **changes):
    """A group of networks with made-up numbers."""
    count = networks.stack[0]
    rng = np.random.default_rng(7)
    known = {
        "key": key,
        "label": f"networks, delay {DELAY}: {key}",
        "about": "Made up.",
        "networks": networks,
        "task": DELAY if isinstance(networks, Given) else sk.Delay(DELAY),
        "process": None if isinstance(networks, Given) else sk.SparseProcess(networks.n_features, p=0.1),
        "horizon": 15,
        "p": np.repeat([0.1, 0.5], count)[:count],
        "seed": np.arange(count),
        "source": np.arange(count),
        "best": np.arange(count) == 0,
        "status": ["converged"] * count,
        "regime": ["sparse"] * count,
        "loss": rng.random(count),
        "columns": {name: rng.random(count) for name in _COLUMNS},
        "total": count,
        "sampling": "",
        "code": "print({index})",
    }
    return Group(**known | changes)


_COLUMNS = ("eigenangle_span", "spectral_radius", "free_fraction", "sharpness", "n_represented")


def no_terms(groups):
    """In place of `exact_terms`."""
    return [
        Terms(np.full((len(group.source), 4), np.nan), np.full(len(group.source), "Not computed.")) for group in groups
    ]


@functools.cache
def payload_of_classes():
    """The payload of 50 networks of every class."""
    groups = [group_of(networks_of(name), name) for name in CLASSES]
    with unittest.mock.patch("spiralsink.explorer._assemble.exact_terms", no_terms):
        return assemble(title="Every class", about="Made up.", groups=groups)


def reference_values(payload, name):
    """Feature directions (networks, lags, hidden, features) and projections (networks, lags, outputs, features).

    In the order of the page, from the float32 weights as they were drawn.
    """
    place = next(row for row, each in enumerate(payload.collections) if each.id == name)
    rows = [row for row, each in enumerate(payload.networks.collection) if each == place]
    networks = networks_of(name)[[payload.networks.source[row] for row in rows]]
    n_lags = payload.collections[place].n_lags
    return rows, sk.feature_directions(networks, n_lags), sk.projections(networks, n_lags)


def entry(name, **changes):
    """An entry of claims.json."""
    known = {
        "id": name,
        "group": "sparse",
        "statement": "It turns.",
        "expected": "a turn",
        "measured": "one turn",
        "verdict": "holds",
        "reason": "as required",
        "figure": f"figures/{name}.png",
        "code": "src/spiralsink/claims/transition.py:phase_transition",
        "error": None,
        "data": None,
        "settings": {"n_hidden": 2},
    }
    return known | changes


def write_claims(folder, kept, entries=None, **document):
    """A folder as `reproduce` writes it: `kept` holds, for every claim, networks by name."""
    entries = [entry(name) for name in kept] if entries is None else entries
    known = {"claims": entries, "version": "0", "scale": "quick", "seed": 0} | document
    for claim, networks in kept.items():
        place = folder / "networks" / claim
        place.mkdir(parents=True)
        for name, each in networks.items():
            sk.save(place / f"{name}.safetensors", each.networks, task=each.task, process=each.process, note=name)
            data = each.to_dataset().assign_attrs(claim=claim, name=name)
            (place / f"{name}.nc").write_bytes(bytes(data.to_netcdf(engine="h5netcdf")))
            if each.along is not None:
                sk.save(place / f"{name}-along-training.safetensors", each.along)
    (folder / "claims.json").write_text(json.dumps(known))
    return folder


def kept_population(count=6, delay=DELAY, horizon=15, **changes):
    """Networks with a ReLU readout at two activity probabilities."""
    p = np.repeat([0.1, 0.5], count // 2)
    networks = networks_of("tied", count)
    known = {
        "networks": sk.RecurrentNetwork(networks.W_x, 0.5 * networks.W_h, sk.Tied(delay), readout="relu"),
        "task": sk.Delay(delay),
        "process": sk.SparseProcess(1, p=p[:, None]),
        "horizon": horizon,
        "loss": np.linspace(0.02, 0.03, count) * p,
        "status": np.zeros(count, int),
    }
    return Kept(**known | changes)


SPEC = {
    "format": 1,
    "task": {"kind": "delay", "delay": 2, "importance": 1.0},
    "process": {
        "kind": "sparse",
        "n_features": 1,
        "p": 0.1,
        "amplitude": {"kind": "uniform", "low": 0.0, "high": 1.0},
    },
    "network": {
        "n_hidden": 2,
        "recurrence": "linear",
        "readout": "relu",
        "tied": True,
        "init": {"kind": "normal", "gain": 1.0},
    },
    "training": {
        "objective": {"kind": "sampled", "batch_size": 16, "horizon": 12},
        "optimizer": {"kind": "adam", "learning_rate": 0.01},
        "steps": 30,
        "record_every": 10,
    },
}


def write_sweep(folder, *, p=(0.1, 0.5), delays=(2, 3), count=4, n_hidden=2, rates=(0.01,), steps=(30,), more=None):
    """A store of random networks at every p, delay, learning rate and length, with records of a loss.

    `more` are coordinates of any name, each with one value for either half of the points.
    """
    (folder / "blocks").mkdir(parents=True)
    for number, (each, delay, rate, length) in enumerate(itertools.product(p, delays, rates, steps)):
        spec = json.loads(json.dumps(SPEC))
        spec["process"]["p"], spec["task"]["delay"] = each, delay
        spec["training"]["optimizer"]["learning_rate"], spec["training"]["steps"] = rate, length
        others = {"training.optimizer.learning_rate": rate} if len(rates) > 1 else {}
        others |= {"training.steps": length} if len(steps) > 1 else {}
        others |= {name: values[number // 2 % 2] for name, values in (more or {}).items()}
        rng = np.random.default_rng(number)
        weights = [rng.standard_normal((count, n_hidden, size)).astype(np.float32) for size in (1, n_hidden)]
        networks = sk.RecurrentNetwork(weights[0], 0.4 * weights[1], sk.Tied(delay), readout="relu")
        loss = rng.random(count)
        words = {"status": ["converged"] * count, "regime": ["dense"] * count}
        variables = {
            "loss": Variable(("network",), loss),
            **{name: Variable(("network",), np.array(value, dtype=object)) for name, value in words.items()},
            **{name: Variable(("network",), rng.random(count)) for name in _COLUMNS},
            "history_loss": Variable(("network", "record"), np.linspace(1, loss, 4).T.copy()),
            "step": Variable(("record",), np.arange(0, 40, 10)),
        }
        header = BlockHeader(
            format=1,
            kind="block",
            key=f"block{number}",
            engine_version=1,
            network=msgspec.to_builtins(describe_network(networks)),
            spec=spec,
            coordinates={"process.p": each, "task.delay": delay} | others,
            axes=[["process.p"], ["task.delay"], *([name] for name in others)],
            seeds=list(range(count)),
            environment={},
            dims={name: list(variable.dims) for name, variable in variables.items()},
        )
        content = encode_block(header, networks, variables)
        (folder / "blocks" / block_file(header.key, content)).write_bytes(content)
    return folder


PHASE = {"dense": ((0.3, 1.0), 0.8, 25.0, -0.05), "sparse": ((0.05, 0.6), 0.7, 66.0, 0.05)}
"""Branch -> ends in p, radius, degrees a step, slope of the loss in log p; they cross at p = 0.4."""


def phase_dataset(names=("dense", "sparse"), **attributes):
    """A phase diagram made by hand: spirals along p whose losses are split into four terms by fixed shares."""
    import xarray as xr

    columns = {name: [] for name in ("p", "loss_per_p", "spectral_radius", "eigenangle_span", "stable")}
    terms, coefficients = [], []
    for (low, high), radius, degrees, slope in PHASE.values():
        p = np.geomspace(low, high, 12)
        degrees = degrees + 3 * p
        loss = 0.2 + slope * np.log(p / 0.4)
        for name, values in zip(columns, (p, loss, radius + 0 * p, 4 * degrees, 1 + 0 * p), strict=True):
            columns[name].append(values)
        terms.append(loss[:, None] * [0.5, 0.8, 0.1, -0.4])
        poles = -2 * radius * np.cos(np.deg2rad(degrees)), radius**2 + 0 * p
        coefficients.append(np.column_stack([0.2 + 0 * p, 0.3 * p, *poles]))
    variables = {
        **{name: (("branch", "point"), value) for name, value in columns.items()},
        "terms": (("branch", "point", "term"), terms),
        "coefficients": (("branch", "point", "coefficient"), coefficients),
        **{name: ("branch", ["fold", "range"]) for name in ("end_below", "end_above")},
        "crossing_p": ("crossing", [0.4]),
        "crossing_from": ("crossing", [names[0]]),
        "crossing_to": ("crossing", [names[1]]),
        "span_jump": ("crossing", [164.0]),
        "radius_jump": ("crossing", [-0.1]),
        "escape_grid": ("escape", [0.1, 0.2]),
        "escape_infimum": ("escape", [0.06, 0.12]),
        "escape_p": ((), 0.25),
    }
    known = {"delay": 4, "n_hidden": 2, "readout": "relu", "horizon": "steady state"}
    coords = {"branch": list(names), "term": list(sk.theory.TERM_NAMES)}
    return xr.Dataset(variables, coords, known | attributes)


def write_phase_diagram(folder, **changes):
    """A folder as `phase-diagram --out` writes it, without its figures."""
    phase_dataset(**changes).to_netcdf(folder / "phase-diagram.nc", engine="h5netcdf")
    return folder
