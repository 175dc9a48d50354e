"""Compares the verdicts of a run with the committed ones: `compare_verdicts.py results/claims.json EXPECTED.json`.

EXPECTED.json is `{"scale": "quick", "claims": {ID: "holds" | {"verdict": VERDICT, "because": REASON}}}`. A claim that
does not hold needs a reason there; with one it is documented and counts as expected. Claims under "on_request", in the
same form, may be missing from a run. Exit code 1 when a verdict changed, a claim is new or missing, a claim raised an
error, or the scales differ.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

VERDICTS = ("holds", "fails", "inconclusive")


def compare(run: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """What differs between a run's claims.json and the expected verdicts, one line each; empty when nothing does.

    Args:
        run: Content of claims.json.
        expected: Content of the file of expected verdicts.
    """
    problems = []
    if run["scale"] != expected["scale"]:
        problems.append(f"the run has scale {run['scale']}, the expected verdicts are for {expected['scale']}")
    measured = {claim["id"]: claim for claim in run["claims"]}
    wanted = _wanted(run, expected)
    for name, entry in wanted.items():
        verdict, because = (entry, "") if isinstance(entry, str) else (entry["verdict"], entry.get("because", ""))
        if verdict not in VERDICTS:
            problems.append(f"{name}: the expected verdict must be one of {', '.join(VERDICTS)}, got {verdict!r}")
        elif verdict != "holds" and not because:
            problems.append(f"{name}: the expected verdict is {verdict}, without a reason")
        if name not in measured:
            problems.append(f"{name}: expected {verdict}, missing from the run")
        elif measured[name]["verdict"] != verdict:
            claim = measured[name]
            problems.append(
                f"{name}: expected {verdict}, got {claim['verdict']} ({claim['measured']}; {claim['reason']})"
            )
    problems += [f"{name}: new, without an expected verdict" for name in measured if name not in wanted]
    problems += [f"{name}: {claim['error']}" for name, claim in measured.items() if claim.get("error")]
    return problems


def _wanted(run: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """The expected verdicts, with those on request that the run holds."""
    measured = {claim["id"] for claim in run["claims"]}
    return expected["claims"] | {
        name: each for name, each in expected.get("on_request", {}).items() if name in measured
    }


def main(arguments: list[str] | None = None) -> int:
    """Prints the comparison and returns the exit code."""
    parser = argparse.ArgumentParser(description="Compares the verdicts of a run with the expected ones.")
    parser.add_argument("run", type=Path, help="claims.json of a run")
    parser.add_argument("expected", type=Path, help="the committed file of expected verdicts")
    parser.add_argument("--selected", action="store_true", help="compare only what this run was asked for")
    parser.add_argument("--brief", action="store_true", help="print only what is documented and what differs")
    paths = parser.parse_args(arguments)
    run, expected = json.loads(paths.run.read_text()), json.loads(paths.expected.read_text())
    if paths.selected:
        run["claims"] = [each for each in run["claims"] if each["id"] in run["selected"]]
        expected["claims"] = {name: each for name, each in expected["claims"].items() if name in run["selected"]}
    for claim in () if paths.brief else run["claims"]:
        print(f"{claim['id']:20} {claim['verdict']:13} {claim['measured']}  ({claim['seconds']:.0f} s)")
    problems = compare(run, expected)
    for name, entry in _wanted(run, expected).items():
        if isinstance(entry, dict):
            print(f"documented: {name} {entry['verdict']}: {entry['because']}")
    for problem in problems:
        print(f"changed: {problem}", file=sys.stderr)
    print(f"{len(run['claims'])} claims, {len(problems)} differ from {paths.expected}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
