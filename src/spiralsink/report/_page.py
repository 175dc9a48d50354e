"""The page of a run: one static file that needs neither network nor script."""

import importlib.resources
import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .._atomic import make_folder, write_file
from .._errors import MissingExtra
from ..claims import Claim, all_claims
from ._figures import embed_figures
from ._wording import bar, counted, duration, interval, number, setting, with_subscripts

_MARKS = {"holds": "✓", "fails": "✗", "inconclusive": "?"}
_PLURALS = {"holds": "hold", "fails": "fail", "inconclusive": "inconclusive"}
_BEYOND = ("beyond", "realistic")


def build_page(document: Mapping[str, Any], folder: Any, *, claims: Iterable[Claim] | None = None) -> str:
    """The page as HTML: the verdicts, every claim with its figure, numbers, settings and code, and how it was run.

    Claims stand in the order of the document, what goes beyond the paper apart, after what is of it. Every
    string is escaped; figures are embedded as images, in which nothing can run, and links lead to files of the folder.

    Args:
        document: What `claims.run` returned.
        folder: Where it wrote; figures are read from there.
        claims: The claims whose code is shown; those of the paper if None.

    Raises:
        MissingExtra: If jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError:
        raise MissingExtra("jinja2", "report") from None
    sources = {claim.id: _sources(claim) for claim in (all_claims() if claims is None else claims)}
    entries = sorted(document["claims"], key=lambda each: each["group"] in _BEYOND)
    shown = _entries(entries, Path(folder), sources)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    files = importlib.resources.files("spiralsink.report")
    environment.filters["maths"] = with_subscripts
    template = environment.from_string(files.joinpath("page.html.j2").read_text(encoding="utf-8"))
    of_paper, beyond = ([each for each in shown if each["beyond"] == apart] for apart in (False, True))
    return template.render(
        version=document["version"],
        scale=document["scale"],
        seed=document["seed"],
        seconds=duration(document["seconds"]),
        n_networks=counted(sum(each["n_networks"] for each in entries), "network"),
        facts=_facts(document),
        claims=shown,
        parts=[("The paper’s claims", of_paper), ("Beyond the paper", beyond)],
        of_paper=of_paper,
        beyond=beyond,
        total=len(shown),
        counts={word: sum(each["verdict"] == word for each in shown) for word in _MARKS},
        open_claims=[each for each in shown if each["verdict"] != "holds" or each["error"]],
        marks=_MARKS,
        plurals=_PLURALS,
        stylesheet=files.joinpath("page.css").read_text(encoding="utf-8"),
    )


def write_page(document: Mapping[str, Any], folder: Any, *, claims: Iterable[Claim] | None = None) -> Path:
    """Writes FOLDER/report.html and returns its path."""
    path = make_folder(Path(folder)) / "report.html"
    write_file(path, build_page(document, folder, claims=claims).encode("utf-8"))
    return path


def _facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    machine = document.get("machine", {})
    versions = [f"{name} {machine[name]}" for name in ("python", "jax", "jaxlib", "numpy") if name in machine]
    reused = len(document.get("reused", ()))
    return [
        ("scale", str(document["scale"])),
        ("seed", str(document["seed"])),
        ("computing time", duration(document["seconds"])),
        ("machine", f"{machine.get('cpu', 'unknown')}, {counted(machine.get('cores', 0), 'core')}"),
        ("system", str(machine.get("system", "unknown"))),
        ("versions", ", ".join([f"spiralsink {document['version']}", *versions])),
        ("taken over from an earlier run", counted(reused, "claim")),
    ]


def _entries(
    entries: list[Mapping[str, Any]], folder: Path, sources: Mapping[str, list[dict[str, str]]]
) -> list[dict[str, Any]]:
    figures = embed_figures(entries, folder)
    anchors, found = set(), []
    for place, (entry, figure) in enumerate(zip(entries, figures, strict=True), start=1):
        anchor = "claim-" + "".join(each if each.isalnum() else "-" for each in entry["id"])
        anchor = anchor if anchor not in anchors else f"{anchor}-{place}"
        anchors.add(anchor)
        code = sources.get(entry["id"], [])
        found.append(_entry(entry) | {"number": place, "anchor": anchor, "figure": figure, "sources": code})
    return found


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    conditions = [_condition(each) for each in entry.get("conditions", [])]
    names = [each.get("name") for each in entry.get("conditions", [])]
    decided = names.index(entry.get("decided_by")) if entry.get("decided_by") in names else None
    return {
        **{name: entry[name] for name in ("id", "group", "statement", "expected", "measured", "reason", "error")},
        "beyond": entry["group"] in _BEYOND,
        "caveat": "" if _verdict(entry) == "holds" else entry.get("caveat", ""),
        "verdict": _verdict(entry),
        "headline": conditions[decided] if decided is not None else _condition({"about": "", **entry}),
        "conditions": conditions,
        "facts": [
            ("trained and measured", counted(entry["n_networks"], "network")),
            ("horizon", entry["horizon"] or "none"),
            ("time", duration(entry["seconds"])),
        ],
        "settings": [(name, setting(value)) for name, value in entry.get("settings", {}).items()],
        "code": entry["code"],
    }


def _condition(record: Mapping[str, Any]) -> dict[str, str]:
    return {
        "about": record["about"],
        "verdict": _verdict(record),
        "value": number(record["value"]),
        "interval": interval(record["interval"]),
        "bar": bar(record["bar"]),
    }


def _verdict(entry: Mapping[str, Any]) -> str:
    return entry["verdict"] if entry["verdict"] in _MARKS else "inconclusive"


def _sources(claim: Claim) -> list[dict[str, str]]:
    """What measures and what draws: its role, name, file and code."""
    roles: dict[str, Callable[..., Any]] = {"measurement": claim.measure, "figure": claim.draw}
    found = []
    for role, function in roles.items():
        try:
            code = inspect.getsource(function)
        except (OSError, TypeError):
            continue
        file = f"src/{function.__module__.replace('.', '/')}.py"
        found.append({"role": role, "name": function.__name__, "file": file, "code": code.rstrip()})
    return found
