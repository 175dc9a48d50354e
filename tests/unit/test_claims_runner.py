"""The runner of claims, on toy claims: verdicts from bars, isolation, resuming, selection, files."""

import dataclasses
import json
import math

import numpy as np
import pytest
import xarray as xr

import spiralsink as sk
from spiralsink import claims, plots
from spiralsink.files import load

CALLS: list[str] = []


def draw(dataset):
    figure, axes = plots.new_panels()
    axes[0, 0].plot(dataset["x"].values)
    return figure


def measure_length(budget, *, value, low=None, high=None):
    CALLS.append("length")
    return claims.Measurement(
        values={"length": value, "width": 1.0},
        intervals={} if low is None else {"length": (low, high)},
        measured=f"length {value:g}",
        data=xr.Dataset({"x": ("lag", np.arange(3.0))}),
        n_networks=budget.n_seeds,
        horizon="18",
        networks={"best": sk.RecurrentNetwork(np.ones((1, 1)), np.zeros((1, 1)), np.ones((1, 1)))},
    )


def measure_nothing(budget):
    CALLS.append("nothing")
    raise ZeroDivisionError("no\nnumbers")


def toy(name="long", value=2.0, bar=1.0, group="lengths", **settings):
    return claims.Claim(
        id=name,
        group=group,
        statement="It is long.",
        expected="longer than 1",
        bars={"length": claims.Bar(">=", bar, "length (m)"), "width": claims.Bar("<=", 1.0, "width (m)")},
        measure=measure_length,
        draw=draw,
        settings=lambda budget: {"value": value, **settings},
    )


def broken():
    return dataclasses.replace(toy("broken"), measure=measure_nothing, settings=lambda budget: {})


def run(out, *toys, **options):
    CALLS.clear()
    return claims.run(out, claims=toys, **options)


KEYS = {
    *("id", "group", "statement", "expected", "measured", "value", "interval", "bar", "verdict", "reason"),
    *("n_networks", "horizon", "seconds", "figure", "code", "error"),
}


def test_a_run_writes_every_file_and_every_key(tmp_path):
    document = run(tmp_path, toy())
    (entry,) = document["claims"]
    assert set(entry) >= KEYS
    assert {"version", "scale", "seed", "seconds"} <= set(document)
    assert json.loads((tmp_path / "claims.json").read_text()) == document
    assert (entry["verdict"], entry["value"], entry["bar"]) == ("holds", 2.0, {"op": ">=", "value": 1.0})
    assert entry["figure"] == "figures/long.png"
    for name in ("figures/long.png", "figures/long.svg", "data/long.nc", "networks/long/best.safetensors"):
        assert (tmp_path / name).stat().st_size > 0
    assert load(tmp_path / "networks/long/best.safetensors").n_hidden == 1
    with xr.open_dataset(tmp_path / "data/long.nc", engine="h5netcdf") as dataset:
        assert dataset["x"].values.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("value", "interval", "verdict"),
    [
        (1.0, None, "holds"),
        (0.999, None, "fails"),
        (math.nan, None, "inconclusive"),
        (math.inf, None, "inconclusive"),
        (-math.inf, None, "fails"),
        (1.5, (1.0, 2.0), "holds"),
        (1.5, (0.9, 2.0), "inconclusive"),
        (0.5, (0.1, 0.9), "fails"),
    ],
)
def test_the_verdict_follows_from_bar_and_value(tmp_path, value, interval, verdict):
    low, high = interval or (None, None)
    (entry,) = run(tmp_path, toy(value=value, low=low, high=high))["claims"]
    assert entry["verdict"] == verdict
    assert entry["value"] == (value if math.isfinite(value) else None)
    assert entry["interval"] == (None if interval is None else list(interval))
    assert verdict == "holds" or entry["reason"]
    json.loads((tmp_path / "claims.json").read_text(), parse_constant=pytest.fail)


def test_the_condition_that_fails_decides(tmp_path):
    wide = dataclasses.replace(
        toy(), bars={"length": claims.Bar(">=", 1.0, "length (m)"), "width": claims.Bar("<", 1.0, "width (m)")}
    )
    (entry,) = run(tmp_path, wide)["claims"]
    assert (entry["verdict"], entry["decided_by"], entry["value"]) == ("fails", "width", 1.0)
    assert entry["bar"] == {"op": "<", "value": 1.0}
    assert [each["verdict"] for each in entry["conditions"]] == ["holds", "fails"]


def test_a_claim_that_raises_is_isolated_and_tried_again(tmp_path):
    document = run(tmp_path, toy("first"), broken(), toy("last"))
    first, failed, last = document["claims"]
    assert first["verdict"] == last["verdict"] == "holds"
    assert failed["verdict"] == "inconclusive"
    assert failed["error"] == "ZeroDivisionError: no numbers"
    assert "measure_nothing" in (tmp_path / "errors" / "broken.txt").read_text()
    assert claims.unsettled(document) == ["broken"]
    run(tmp_path, toy("first"), broken(), toy("last"))
    assert CALLS == ["nothing"]


def test_a_figure_that_fails_keeps_the_numbers_and_is_tried_again(tmp_path):
    blind = dataclasses.replace(toy(), draw=lambda dataset: 1 / 0)
    (entry,) = run(tmp_path, blind)["claims"]
    assert (entry["value"], entry["verdict"], entry["figure"]) == (2.0, "holds", None)
    assert entry["error"].startswith("ZeroDivisionError")
    (entry,) = run(tmp_path, toy())["claims"]
    assert entry["error"] is None
    assert CALLS == ["length"]


def test_networks_that_cannot_be_kept_leave_the_verdict_and_say_so(tmp_path):
    W = np.ones((1, 1))
    networks = sk.RecurrentNetwork(W, 0 * W, W)
    # losses of two networks do not fit one
    lost = claims.Kept(networks, sk.Delay(1), sk.SparseProcess(1, p=0.1), 6, loss=[0.1, 0.2])

    def measure(budget, **settings):
        found = measure_length(budget, **settings)
        return dataclasses.replace(found, networks={"lost": lost, **found.networks})

    claim = dataclasses.replace(toy(), measure=measure)
    (entry,) = run(tmp_path, claim)["claims"]
    assert (entry["verdict"], entry["error"]) == ("holds", None)
    assert entry["networks"] == ["networks/long/best.safetensors"]
    assert [path.name for path in (tmp_path / "networks/long").iterdir()] == ["best.safetensors"]
    assert "Error" in entry["networks_error"]
    assert "to_dataset" in (tmp_path / "errors" / "long.txt").read_text()
    # and it is finished
    assert run(tmp_path, claim)["reused"] == ["long"]


def test_finished_claims_are_not_computed_again(tmp_path):
    first = run(tmp_path, toy())
    assert CALLS == ["length"]
    again = run(tmp_path, toy())
    assert CALLS == []
    assert again["claims"] == first["claims"]
    assert again["reused"] == ["long"]


@pytest.mark.parametrize(
    ("changed", "options"),
    [
        (toy(value=3.0), {}),
        (toy(bar=0.5), {}),
        (toy(), {"scale": "full"}),
        (toy(), {"fresh": True}),
    ],
    ids=["settings", "bar", "scale", "fresh"],
)
def test_a_claim_is_computed_again_when_something_changed(tmp_path, changed, options):
    run(tmp_path, toy())
    document = run(tmp_path, changed, **options)
    assert CALLS == ["length"]
    assert document["reused"] == []


@pytest.mark.parametrize("lost", ["data/long.nc", "networks/long/best.safetensors", "data/long.json"])
def test_a_claim_is_computed_again_when_a_file_is_missing(tmp_path, lost):
    run(tmp_path, toy())
    (tmp_path / lost).unlink()
    run(tmp_path, toy())
    assert CALLS == ["length"]
    assert (tmp_path / lost).exists()


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_a_missing_figure_is_drawn_again_from_the_data(tmp_path, suffix):
    run(tmp_path, toy())
    (tmp_path / f"figures/long.{suffix}").unlink()
    run(tmp_path, toy())
    assert CALLS == []
    assert (tmp_path / f"figures/long.{suffix}").exists()


def test_a_damaged_record_is_computed_again(tmp_path):
    run(tmp_path, toy())
    (tmp_path / "data/long.json").write_text('{"format": 1, "key"')
    run(tmp_path, toy())
    assert CALLS == ["length"]


def test_a_quick_run_does_not_replace_a_full_one(tmp_path):
    run(tmp_path, toy(), scale="full")
    with pytest.raises(sk.InvalidInput, match=r"out must be another folder for scale quick, .*--fresh"):
        run(tmp_path, toy())
    assert run(tmp_path, toy(), fresh=True)["scale"] == "quick"


def test_a_run_does_not_replace_one_of_another_seed(tmp_path):
    run(tmp_path, toy("one"), toy("two"), seed=1)
    CALLS.clear()
    with pytest.raises(sk.InvalidInput, match=r"out must be another folder for seed 2, .*holds one of seed 1.*--fresh"):
        run(tmp_path, toy("one"), toy("two"), seed=2, select=["two"])
    assert CALLS == []
    assert run(tmp_path, toy("one"), toy("two"), seed=2, fresh=True)["seed"] == 2


def test_damaged_data_is_computed_again_where_its_figure_is_gone(tmp_path):
    run(tmp_path, toy())
    (tmp_path / "data/long.nc").write_bytes(b"junk")
    (tmp_path / "figures/long.png").unlink()
    document = run(tmp_path, toy())
    assert CALLS == ["length"]
    assert document["reused"] == []
    assert (tmp_path / "figures/long.png").exists()


@pytest.mark.parametrize("claims", ["[]", "[{}]", "[1]", '[{"id": "long"}]'])
def test_a_summary_that_is_none_is_refused_in_one_line(tmp_path, claims):
    (tmp_path / "claims.json").write_text(f'{{"claims": {claims}}}')
    with pytest.raises(sk.InvalidInput, match=r"out must be the folder of an earlier run, got .*something else"):
        run(tmp_path, toy(), report_only=True)


def test_data_without_what_a_figure_needs_is_refused_in_one_line(tmp_path):
    run(tmp_path, toy())
    (tmp_path / "data/long.nc").write_bytes(b"junk")
    with pytest.raises(sk.InvalidInput, match=r"out must be a folder whose data can be drawn"):
        run(tmp_path, toy(), report_only=True)


def test_results_of_other_claims_stay(tmp_path):
    first = run(tmp_path, toy("one"), toy("two"))
    CALLS.clear()
    selected = run(tmp_path, toy("one"), toy("two"), select=["two"])
    assert (selected["selected"], selected["reused"]) == (["two"], ["two"])
    assert selected["claims"] == first["claims"]
    again = run(tmp_path, toy("one"), toy("two"), select=["two"], fresh=True)
    assert [each["id"] for each in again["claims"]] == ["one", "two"]
    assert CALLS == ["length"]
    CALLS.clear()
    assert len(run(tmp_path, toy("one"), toy("two"))["reused"]) == 2
    assert CALLS == []


def test_selection_by_id_and_group(tmp_path):
    toys = (toy("a"), toy("b", group="others"), toy("c"))
    chosen = [claim.id for claim in claims.select_claims(["c", "others"], claims=toys)]
    assert chosen == ["b", "c"]
    assert [claim.id for claim in claims.select_claims("lengths", claims=toys)] == ["a", "c"]
    with pytest.raises(sk.InvalidInput, match=r"^claims must be .*, got 'lenghts' \(did you mean lengths\?\)$"):
        run(tmp_path, *toys, select=["lenghts"])
    with pytest.raises(sk.InvalidInput, match="at least one"):
        run(tmp_path, *toys, select=[])


def test_the_figure_is_drawn_again_without_computing(tmp_path):
    run(tmp_path, toy())
    (tmp_path / "figures/long.png").unlink()
    document = run(tmp_path, toy(), report_only=True)
    assert CALLS == []
    assert (tmp_path / "figures/long.png").exists()
    assert document["claims"][0]["value"] == 2.0


@pytest.mark.parametrize("content", [None, "[]", '{"claims": 1}', "{"])
def test_drawing_again_needs_an_earlier_run(tmp_path, content):
    if content is not None:
        (tmp_path / "claims.json").write_text(content)
    with pytest.raises(sk.InvalidInput, match="out must be the folder of an earlier run"):
        run(tmp_path, toy(), report_only=True)


def test_bad_input_is_one_line(tmp_path):
    with pytest.raises(
        sk.InvalidInput, match=r"^scale must be one of quick, full, got 'quik' \(did you mean quick\?\)$"
    ):
        run(tmp_path, toy(), scale="quik")
    with pytest.raises(sk.InvalidInput, match="seed must be a whole number >= 0, got -1"):
        run(tmp_path, toy(), seed=-1)
    (tmp_path / "file").write_text("")
    with pytest.raises(sk.InvalidInput, match="out must be a folder"):
        run(tmp_path / "file", toy())


def test_progress_and_hook_hear_of_every_claim(tmp_path):
    heard = []

    class Meter(sk.NoProgress):
        def start(self, description, total, unit="steps"):
            heard.append((description, total, unit))

        def advance(self, amount, note=""):
            heard.append((amount, note))

        def close(self):
            heard.append("closed")

    seen = []
    run(
        tmp_path, toy("a"), broken(), progress=Meter(), after_each=lambda document: seen.append(len(document["claims"]))
    )
    assert seen == [1, 2]
    assert heard == [
        ("claims", 2, "claims"),
        *[(0, "a"), (1, "a: holds"), (0, "broken"), (1, "broken: inconclusive")],
        "closed",
    ]


def test_the_catalogue_lists_without_running():
    CALLS.clear()
    listed = claims.catalogue("full", claims=[toy(length="5 m")])["claims"]
    assert CALLS == []
    assert listed[0]["settings"] == {"value": 2.0, "length": "5 m"}
    assert listed[0]["bars"][0] == {"name": "length", "op": ">=", "value": 1.0, "about": "length (m)"}


def test_a_bar_knows_its_comparisons():
    with pytest.raises(sk.InvalidInput, match="op must be one of"):
        claims.Bar("==", 1.0, "length (m)")
    assert claims.Bar("<", 1.0, "length (m)").cleared_by(0.5)
    assert not claims.Bar("<", 1.0, "length (m)").cleared_by(1.0)
    assert str(claims.Bar("<=", 4.0, "largest |z|")) == "largest |z| <= 4"
