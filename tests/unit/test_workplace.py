"""Where long measurements keep what is finished."""

import dataclasses

from spiralsink import claims
from spiralsink.claims import _run
from spiralsink.claims._claim import Bar, Budget, Claim, Measurement
from spiralsink.claims._workplace import Nowhere, WorkFolder


def test_a_part_is_kept_until_its_key_changes(tmp_path):
    notes = []
    place = WorkFolder(tmp_path / "work", notes.append)
    assert place.load("cell", "key") is None
    place.save("cell", "key", [{"score": 0.5, "load": None}], {"cell.bin": b"weights"})
    assert place.load("cell", "key") == [{"score": 0.5, "load": None}]
    assert (tmp_path / "work/cell.bin").read_bytes() == b"weights"
    assert place.files("cell") == {"cell.bin": b"weights"}
    assert place.load("cell", "another key") is None
    assert place.load("other", "key") is None
    place.tell("half")
    assert notes == ["half"]


def test_a_damaged_part_is_computed_again(tmp_path):
    place = WorkFolder(tmp_path, print)
    for damage in (b"", b"{", b"[]", b'"key"', b"\xff\xfe"):
        place.save("cell", "key", 1, {})
        (tmp_path / "cell.json").write_bytes(damage)
        assert place.load("cell", "key") is None


def test_nowhere_keeps_nothing():
    place = Nowhere()
    place.save("cell", "key", 1, {})
    assert place.load("cell", "key") is None
    assert place.files("cell") == {}


def toy(name, *, on_request):
    import xarray as xr

    def measure(budget):
        done = budget.workplace.load("cell", "key")
        budget.workplace.tell("on the way")
        budget.workplace.save("cell", "key", (done or 0) + 1, {})
        count = float((done or 0) + 1)
        return Measurement({"count": count}, f"{count}", xr.Dataset(), 1, "1")

    def draw(data):
        from spiralsink import plots

        return plots.new_panels()[0]

    bars = {"count": Bar(">=", 1.0, "how often it was measured")}
    return Claim(name, "toys", "a", "b", bars, measure, draw, lambda budget: {}, on_request=on_request)


def test_claims_of_a_group_share_what_is_finished(tmp_path):
    both = [toy("one", on_request=True), toy("other", on_request=True)]
    document = claims.run(tmp_path, claims=both, select=["toys"])
    assert [entry["value"] for entry in document["claims"]] == [1.0, 2.0]
    assert (tmp_path / "work/toys/cell.json").exists()


def test_a_fresh_run_computes_every_part_again(tmp_path):
    both = [toy("one", on_request=True), toy("other", on_request=True)]
    claims.run(tmp_path, claims=both, select=["toys"])
    document = claims.run(tmp_path, claims=both, select=["toys"], fresh=True)
    assert [entry["value"] for entry in document["claims"]] == [1.0, 2.0]


def test_a_claim_on_request_is_not_run_by_default(tmp_path):
    both = [toy("always", on_request=False), toy("named", on_request=True)]
    assert [each["id"] for each in claims.run(tmp_path, claims=both)["claims"]] == ["always"]
    # what was measured before stays in the summary
    claims.run(tmp_path, claims=both, select=["named"])
    assert [each["id"] for each in claims.run(tmp_path, claims=both)["claims"]] == ["always", "named"]
    listed = claims.catalogue(claims=both)["claims"]
    assert [each["id"] for each in listed] == ["always", "named"]


def test_the_meter_says_how_far_a_claim_is(tmp_path):
    class Meter:
        notes = ()

        def start(self, description, total, unit="steps"):
            pass

        def advance(self, amount, note=""):
            self.notes = (*self.notes, note)

        def close(self):
            pass

    meter = Meter()
    _run.run(tmp_path, claims=[toy("one", on_request=False)], progress=meter)
    assert "one: on the way" in meter.notes


def test_where_parts_are_kept_is_no_part_of_the_result(tmp_path):
    claim = toy("one", on_request=False)
    from spiralsink.claims._folder import claim_key

    budget = Budget.of("quick")
    elsewhere = dataclasses.replace(budget, workplace=WorkFolder(tmp_path, print))
    assert claim_key(claim, budget) == claim_key(claim, elsewhere)
