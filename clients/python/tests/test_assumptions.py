"""Assumptions and estimates, against the real gateway."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from aops import Assumptions, Client, Invalid, NotFound, PreconditionFailed

CSV = (
    b"id;sex;birth_date;hire_date;annual_salary\n"
    b"1;F;12/05/1980;01/09/2010;32000,50\n"
    b"2;M;25/12/1972;02/01/2001;45000\n"
)
EXAMPLE = Path(__file__).parents[3] / "engine/data/examples/ifc.json"


@pytest.fixture
def saved(client: Client) -> Iterator[Assumptions]:
    values = {"scale": "legal_voluntary", "assumptions": {"salary_growth": 0.02}}
    one = client.assumptions.save("ifc", "Clôture", values, source="Comité")
    yield one
    client.assumptions.delete(one.id)


def test_what_is_saved_is_told_and_listed_beside_the_presets(
    client: Client, saved: Assumptions
) -> None:
    assert client.assumptions.get(saved.id) == saved
    assert (saved.origin, saved.name, saved.source) == ("own", "Clôture", "Comité")
    assert saved.changed is not None and saved.etag
    listed = {one.id: one for one in client.assumptions.list("ifc")}
    assert listed[saved.id].values is None
    assert {one.module for one in listed.values()} == {"ifc"}
    assert len(client.assumptions.list()) > len(listed)
    presets = client.assumptions.presets("ifc")
    assert presets and all(one.id in listed and one.about for one in presets)
    preset = client.assumptions.get(presets[0].id)
    assert preset.values and all(note.help and note.source for note in preset.notes)


def test_a_name_is_that_of_one_set_and_lines_of_data_are_none(
    client: Client, saved: Assumptions
) -> None:
    with pytest.raises(Invalid) as raised:
        client.assumptions.save("ifc", "Clôture", {"scale": "legal_voluntary"})
    assert list(raised.value.errors) == ["name"]
    with pytest.raises(Invalid) as raised:
        client.assumptions.save("ifc", "Autre", {"employees": [{"id": "1"}]})
    assert list(raised.value.errors) == ["values"]


def test_a_change_made_meanwhile_is_not_lost(client: Client, saved: Assumptions) -> None:
    changed = client.assumptions.change(
        saved.id, values={"assumptions": {"discount_rate": 0.034}}, if_match=saved.etag
    )
    assert changed.values == {
        "scale": "legal_voluntary",
        "assumptions": {"salary_growth": 0.02, "discount_rate": 0.034},
    }
    for _ in range(2):
        with pytest.raises(PreconditionFailed):
            client.assumptions.change(saved.id, name="Autre", if_match=saved.etag)
        with pytest.raises(PreconditionFailed):
            client.assumptions.delete(saved.id, if_match=saved.etag)
    assert client.assumptions.get(saved.id) == changed
    taken = client.assumptions.change(saved.id, values={"scale": None}, if_match=changed.etag)
    assert taken.values == {"assumptions": {"salary_growth": 0.02, "discount_rate": 0.034}}
    renamed = client.assumptions.change(saved.id, name="Autre", source="Bureau")
    assert (renamed.name, renamed.source) == ("Autre", "Bureau")


def test_what_is_deleted_is_gone(client: Client) -> None:
    one = client.assumptions.save("rente", "Courte", {"rate": 0.01})
    client.assumptions.delete(one.id, if_match=one.etag)
    with pytest.raises(NotFound):
        client.assumptions.get(one.id)


def test_a_calculation_begins_with_assumptions_and_its_cost_is_told_before(client: Client) -> None:
    parameters = json.loads(EXAMPLE.read_text())
    del parameters["employees"]
    day = {"valuation_date": parameters["valuation_date"]}
    values = {"scale": parameters["scale"], "assumptions": parameters["assumptions"]}
    own = client.assumptions.save("ifc", "Exemple", values)
    data = client.datasets.upload(CSV, module="ifc", warranty=True)
    estimate = client.calculations.estimate(
        "ifc", dataset=data.id, assumptions=own.id, parameters=day
    )
    assert (estimate.module, estimate.possible, estimate.counts) == ("ifc", True, 0)
    assert (estimate.offer, estimate.quota, estimate.price) == ("illimite", None, None)
    assert estimate.units >= 1 and not estimate.billed
    id = client.calculations.create("ifc", dataset=data.id, assumptions=own.id, parameters=day)
    begun = client.calculations.wait(id, timeout=60)
    given = client.calculations.create("ifc", dataset=data.id, parameters={**values, **day})
    whole = client.calculations.wait(given, timeout=60)
    assert begun.result is not None and whole.result is not None
    assert begun.result["dbo"] == whole.result["dbo"] > 0
    last = client.assumptions.last("ifc")
    assert last.origin == "last" and last.values is not None
    assert last.values["scale"] == parameters["scale"]
    client.assumptions.delete(last.id)
    with pytest.raises(NotFound):
        client.assumptions.last("ifc")
    client.assumptions.delete(own.id)
    with pytest.raises(NotFound):
        client.calculations.create("ifc", assumptions=own.id, parameters=day)
