"""What the page of the explorer holds, as one JSON document: the contract between Python and the script of the page.

Arrays of numbers are columns; NaN and infinity are null. Angles are in degrees.
"""

from typing import Any

import msgspec

FORMAT = 1


class Collection(msgspec.Struct, frozen=True):
    """Networks of one class, size and task: what the controls "model class" and "delay" choose between.

    Attributes:
        id: Unique, made of letters, digits and hyphens; part of the address of the page.
        label: For readers, such as "SSM, delay 4, 2 hidden units".
        about: One sentence: where the networks come from and what they were trained on.
        model: "linear", "ssm", "nonlinear" or another word for a class.
        recurrence: "linear", "relu" or "tanh"; "given" when directions are stored instead of weights.
        readout: "linear" or "relu".
        tied: Whether the readout is tied (weights hold W_y all the same).
        delay: k, or None for a task without a single one.
        horizon: Horizon of the losses in words, such as "18" or "steady state".
        n_features: N_x.
        n_hidden: N_h.
        n_outputs: N_y.
        n_lags: How many lags the page shows.
        task: The task in words.
        amplitude: The amplitude law in words.
        second_moment: E[U^2] of the amplitude, for loss / (p nu) where the page needs it, or None.
        total: How many networks there are in the folder; `networks` of them are on the page.
        sampling: How the ones on the page were chosen, and how many of the recorded histories are there, a sentence
            each; empty when they are all.
        code: Python that recreates the collection; "{index}" stands for the place in the file of the network shown.
        recorded: Networks of it in the folder whose training was recorded; `histories` has as many as there is room
            for, so a network without a history may well have been recorded.
        branch: Where nothing was trained, the branch of the phase diagram whose optima along p these are; or empty.
    """

    id: str
    label: str
    about: str
    model: str
    recurrence: str
    readout: str
    tied: bool
    delay: int | None
    horizon: str
    n_features: int
    n_hidden: int
    n_outputs: int
    n_lags: int
    task: str
    amplitude: str
    second_moment: float | None
    total: int
    sampling: str
    code: str
    recorded: int = 0
    branch: str = ""


class Networks(msgspec.Struct, frozen=True):
    """The networks of the page, one entry of each column per network; those of a collection stand together.

    Attributes:
        collection: Place in `collections`.
        p: Activity probability, or None.
        seed: Seed, or its place among the seeds, or None.
        source: Place of the network in its file or store, for the code.
        best: Whether it has the lowest loss of its collection at its p; for a branch, whether no other branch of the
            diagram has a lower one at its p.
        status: As in datasets: "converged", "dead", ...
        regime: "sparse", "dense", "between", "unrepresented" or "".
        loss: Loss of the collection's horizon, or None.
        loss_per_p: loss / p, or None.
        eigenangle_span: Degrees, or None.
        spectral_radius: Or None.
        free_fraction: Or None.
        sharpness: Or None.
        n_represented: Or None.
        terms: Task benefit, mean correction, projection interference, composition interference, or None where the
            four terms are not known.
        terms_reason: Why they are not known, one sentence; empty where they are.
        offset: Place of the first of its weights in `weights`, counted in float32 numbers: W_x, W_h, W_y (each row by
            row), b_h, b_y (zeros where there are none). For a "given" collection the directions (lag, hidden,
            feature), W_y and b_y.
        extra: Further columns to read and to colour by, by name.
    """

    collection: list[int]
    p: list[float | None]
    seed: list[int | None]
    source: list[int]
    best: list[bool]
    status: list[str]
    regime: list[str]
    loss: list[float | None]
    loss_per_p: list[float | None]
    eigenangle_span: list[float | None]
    spectral_radius: list[float | None]
    free_fraction: list[float | None]
    sharpness: list[float | None]
    n_represented: list[float | None]
    terms: list[tuple[float, float, float, float] | None]
    terms_reason: list[str]
    offset: list[int]
    extra: dict[str, list[float | None]] = {}


class History(msgspec.Struct, frozen=True):
    """One network along training, for the scrubber.

    Attributes:
        network: Place in the columns of `networks`.
        step: Training steps of the records.
        loss: Loss at each.
        terms: The four terms at each, or None where they are not known.
        offset: Place in `weights` of the weights at the first record; those of the other records follow. None when
            weights along training were not kept.
    """

    network: int
    step: list[int]
    loss: list[float | None]
    terms: list[tuple[float, float, float, float]] | None
    offset: int | None


class Branch(msgspec.Struct, frozen=True):
    """A branch of optima of the exact loss along p (columns of equal length)."""

    name: str
    p: list[float]
    loss_per_p: list[float | None]
    eigenangle_span: list[float | None]
    spectral_radius: list[float | None]
    stable: list[bool]


class Diagram(msgspec.Struct, frozen=True):
    """A phase diagram; `collections` are the ids of the collections whose networks belong on it."""

    label: str
    delay: int
    n_hidden: int
    readout: str
    horizon: str
    branches: list[Branch]
    crossings: list[dict[str, Any]]  # p, from, to, span_jump, radius_jump, spans, radii, as `phase-diagram --json`
    collections: list[str]


class ClaimRow(msgspec.Struct, frozen=True):
    """A row of the table of claims.

    `figure`, `page` (of the claim) and `code_page` (of its code) are addresses relative to the folder, or empty:
    figures/NAME.png or .svg, and report.html with a fragment.
    """

    id: str
    group: str
    statement: str
    expected: str
    measured: str
    verdict: str
    reason: str
    figure: str
    page: str
    code: str
    collections: list[str]
    code_page: str = ""


class Payload(msgspec.Struct, frozen=True):
    """The page.

    Attributes:
        format: `FORMAT`.
        version: Of spiralsink.
        title: Heading of the page.
        about: One sentence on where it comes from: command, scale, seeds.
        first: The network shown first, and `second`: one to compare it with (another regime), or None.
        weights: float32, little endian, base64.
    """

    format: int
    version: str
    title: str
    about: str
    collections: list[Collection]
    networks: Networks
    histories: list[History]
    diagrams: list[Diagram]
    claims: list[ClaimRow]
    first: int | None
    second: int | None
    weights: str
