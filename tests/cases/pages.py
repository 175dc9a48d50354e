"""Small payloads for the page of the explorer: a few networks of every class, with a history, a diagram and claims."""

import base64
from typing import Any

import numpy as np

from spiralsink.explorer._payload import FORMAT, Branch, ClaimRow, Collection, Diagram, History, Networks, Payload

ACTIVITIES = (0.02, 0.1, 0.4, 1.0)
SEEDS = 3
RECORDS = 5


def spiral(angle: float, radius: float, *, n_features: int = 1, n_hidden: int = 2, rng: Any) -> list[np.ndarray]:
    """W_x, W_h, W_y of a spiral that turns by `angle` a step, tied to what it holds after four steps."""
    W_h = np.zeros((n_hidden, n_hidden))
    turn = np.deg2rad(angle)
    W_h[:2, :2] = radius * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])[:n_hidden, :n_hidden]
    if n_hidden > 2:
        W_h[2:, 2:] = np.diag(np.linspace(0.2, 0.5, n_hidden - 2))
    W_x = rng.normal(size=(n_hidden, n_features))
    return [W_x, W_h, np.linalg.matrix_power(W_h, 4) @ W_x * 2]


class PayloadBuilder:
    """Collects networks column by column, as the payload wants them."""

    def __init__(self) -> None:
        self.collections: list[Collection] = []
        self.columns: dict[str, list[Any]] = {name: [] for name in Networks.__struct_fields__ if name != "extra"}
        self.numbers: list[np.ndarray] = []
        self.length = 0

    def keep(self, *arrays: Any) -> int:
        """Stores weights and returns the place of the first."""
        place = self.length
        for each in arrays:
            flat = np.asarray(each, np.float32).ravel()
            self.numbers.append(flat)
            self.length += flat.size
        return place

    def collection(self, id: str, **fields: Any) -> None:
        delay = fields.get("delay", 4)
        known: dict[str, Any] = {
            "label": id if delay is None else f"{id}, delay {delay}",
            "about": f"Made for tests as {id}.",
            "model": "ssm",
            "recurrence": "linear",
            "readout": "relu",
            "tied": True,
            "delay": 4,
            "horizon": "18",
            "n_features": 1,
            "n_hidden": 2,
            "n_outputs": 1,
            "n_lags": 9,
            "task": "delay 4",
            "amplitude": "uniform on 0 to 1",
            "second_moment": 1 / 3,
            "total": 12,
            "sampling": "",
            "code": f"# {id}\nprint({{index}})",
        }
        self.collections.append(Collection(id=id, **{**known, **fields}))

    def network(self, weights: Any, *, biases: Any = None, **columns: Any) -> int:
        """Adds a network to the last collection and returns its place."""
        n_hidden, n_outputs = weights[2].shape
        b_h, b_y = (np.zeros(n_hidden), np.zeros(n_outputs)) if biases is None else biases
        known: dict[str, Any] = {
            "collection": len(self.collections) - 1,
            "p": 0.1,
            "seed": 0,
            "source": len(self.columns["p"]),
            "best": True,
            "status": "converged",
            "regime": "",
            "loss": 0.01,
            "loss_per_p": 0.1,
            "eigenangle_span": 90.0,
            "spectral_radius": 0.8,
            "free_fraction": 0.5,
            "sharpness": 0.1,
            "n_represented": 1.0,
            "terms": None,
            "terms_reason": "",
            "offset": self.keep(*weights, b_h, b_y),
        }
        if known["terms"] is None and "terms" not in columns:
            known["terms_reason"] = "No terms are known here."
        for name, value in {**known, **columns}.items():
            self.columns[name].append(value)
        return len(self.columns["p"]) - 1

    def payload(self, **fields: Any) -> Payload:
        numbers = np.concatenate([*self.numbers, np.zeros(0, np.float32)]).astype("<f4")
        known: dict[str, Any] = {
            "format": FORMAT,
            "version": "0.0",
            "title": "A page for tests",
            "about": "Nothing here was measured.",
            "collections": self.collections,
            "networks": Networks(**self.columns, extra={"of my own": [1.0] * len(self.columns["p"])}),
            "histories": [],
            "diagrams": [],
            "claims": [],
            "first": None,
            "second": None,
            "weights": base64.b64encode(numbers.tobytes()).decode(),
        }
        return Payload(**{**known, **fields})


def explorer_payload() -> Payload:
    """Every kind of collection that a page can hold, with a history, a diagram and two claims."""
    rng = np.random.default_rng(0)
    builder = PayloadBuilder()
    for delay in (4, 2):
        builder.collection(f"spirals-{delay}", label=f"spirals, delay {delay}", delay=delay)
        for p in ACTIVITIES:
            for seed in range(SEEDS):
                sparse, dead = p < 0.3, (p, seed) == (0.4, 2)
                builder.network(
                    spiral(268 / 4 if sparse else 95 / 4, 0.75, rng=rng),
                    p=p,
                    seed=seed,
                    best=seed == 0,
                    regime="sparse" if sparse else "dense",
                    loss=0.1 * p * (1 + seed),
                    loss_per_p=0.1 * (1 + seed) + 0.05 * p,
                    eigenangle_span=None if dead else (268.0 if sparse else 95.0) + 30 * seed,
                    spectral_radius=None if dead else 0.7 + 0.1 * p,
                    status="dead" if dead else "converged",
                    terms=(0.05 * p, -0.02 * p, 0.04 * p, 0.03 * p) if seed == 0 else None,
                )
    builder.collection("trained", label="trained, delay 4", model="linear", readout="linear")
    first = builder.network(spiral(24, 0.8, rng=rng), p=0.1, terms=(0.004, -0.002, 0.005, 0.003))
    along = builder.keep(
        *[
            np.append(np.concatenate([a.ravel() for a in spiral(5 * r, 0.8, rng=rng)]), [0, 0, 0])
            for r in range(RECORDS)
        ]
    )
    terms = [(0.03 - 0.005 * r, -0.001 * r, 0.001 * r, 0.001) for r in range(RECORDS)]
    history = History(
        network=first,
        step=[10 * r for r in range(RECORDS)],
        loss=[0.05 - 0.008 * r for r in range(RECORDS)],
        terms=terms,
        offset=along,
    )
    vectors = {"n_features": 3, "n_outputs": 3, "n_hidden": 5}
    builder.collection("vectors", model="nonlinear", recurrence="relu", **vectors)
    builder.network(
        spiral(67, 0.6, n_features=3, n_hidden=5, rng=rng),
        biases=(0.1 * rng.normal(size=5), 0.1 * rng.normal(size=3)),
        eigenangle_span=None,
        spectral_radius=None,
    )
    builder.collection("narrow", model="nonlinear", recurrence="tanh", n_hidden=1, delay=None, readout="linear")
    builder.network(
        spiral(0, 0.7, n_hidden=1, rng=rng), p=None, loss_per_p=None, free_fraction=None, eigenangle_span=None
    )
    builder.collection("long", label="long, delay 4")
    x, h, y = spiral(67, 0.4, rng=rng)
    builder.network([x * 300, h, y])
    branches = [
        Branch(
            name=name,
            p=[0.02, 0.1, 0.4, 1.0],
            loss_per_p=list(loss),
            eigenangle_span=[span] * 4,
            spectral_radius=[0.8] * 4,
            stable=[True] * 4,
        )
        for name, span, loss in (("dense", 95.0, [0.3, 0.25, 0.15, 0.1]), ("sparse", 268.0, [0.1, 0.15, 0.2, 0.25]))
    ]
    crossing = {
        "p": 0.3,
        "from": "dense",
        "to": "sparse",
        "span_jump": 173.0,
        "radius_jump": -0.05,
        "spans": [95.0, 268.0],
        "radii": [0.8, 0.8],
    }
    diagram = Diagram(
        label="delay 4",
        delay=4,
        n_hidden=2,
        readout="relu",
        horizon="18",
        branches=branches,
        crossings=[crossing],
        collections=["spirals-4"],
    )
    claim = {
        "group": "tests",
        "statement": "a_k is <= 1.",
        "expected": "so",
        "measured": "a_k = 0.5",
        "reason": "",
        "code": "tests:claim",
    }
    claims = [
        ClaimRow(
            id="first-claim",
            verdict="holds",
            figure="figures/first.png",
            page="report.html#claim-first",
            collections=["vectors"],
            **claim,
        ),
        ClaimRow(
            id="second-claim",
            verdict="fails",
            figure="javascript:alert(1)",
            page="",
            collections=["absent"],
            **{**claim, "reason": "too large"},
        ),
    ]
    return builder.payload(histories=[history], diagrams=[diagram], claims=claims, first=0, second=11)


def branches_payload() -> Payload:
    """Two branches of a phase diagram whose optima are the networks of the page."""
    rng = np.random.default_rng(1)
    builder = PayloadBuilder()
    branches = []
    for name, span, activities, rise in (
        ("sparse", 268.0, (0.02, 0.05, 0.1, 0.3), 0.1),
        ("dense", 95.0, (0.1, 0.3, 0.6, 1.0), -0.1),
    ):
        builder.collection(f"branch-{name}", label=f"{name} branch", branch=name, horizon="steady state")
        loss = [0.2 + rise * p for p in activities]
        for place, p in enumerate(activities):
            known = {"eigenangle_span": span, "spectral_radius": 0.8, "regime": name, "seed": None, "source": place}
            terms = (0.07 * p, 0.03 * p, 0.05 * p, loss[place] * p - 0.15 * p)
            builder.network(
                spiral(span / 4, 0.8, rng=rng),
                p=p,
                best=name == ("sparse" if p < 0.2 else "dense"),
                loss=loss[place] * p,
                loss_per_p=loss[place],
                terms=terms,
                **known,
            )
        branches.append(
            Branch(
                name=name,
                p=list(activities),
                loss_per_p=list(loss),
                eigenangle_span=[span] * 4,
                spectral_radius=[0.8] * 4,
                stable=[True] * 4,
            )
        )
    crossing = {"p": 0.2, "from": "dense", "to": "sparse", "spans": [95.0, 268.0], "radii": [0.8, 0.8]}
    diagram = Diagram(
        label="delay 4",
        delay=4,
        n_hidden=2,
        readout="relu",
        horizon="steady state",
        branches=branches,
        crossings=[{**crossing, "span_jump": 173.0, "radius_jump": 0.0}],
        collections=["branch-sparse", "branch-dense"],
    )
    return builder.payload(diagrams=[diagram], first=2, second=7)
