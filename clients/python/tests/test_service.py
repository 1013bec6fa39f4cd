"""Against the real gateway."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from aops import Calculation, Client, Invalid, NotFound, Unauthorized, WaitExpired

HEADER = "id;sex;birth_date;hire_date;annual_salary\n"
CSV = HEADER + "1;F;12/05/1980;01/09/2010;32000,50\n2;M;25/12/1972;02/01/2001;45000\n"
ANNUITY = {
    "lives": [{"table": "TH 00-02", "age": 65}],
    "benefit": "annuity",
    "rate": 0.02,
    "timing": "due",
}
EXAMPLE = Path(__file__).parents[3] / "engine/data/examples/ifc.json"


def upload(client: Client, name: str = "paie.csv") -> str:
    data = client.datasets.upload(CSV.encode(), module="ifc", warranty=True, name=name)
    assert (data.rows, data.name) == (2, name)
    return data.id


def test_a_file_is_kept_told_and_deleted(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "effectif.csv"
    file.write_text(CSV)
    data = client.datasets.upload(file, module="ifc", warranty=True)
    assert data.name == "effectif.csv"
    assert data.created < data.ends
    told = client.datasets.get(data.id)
    assert told.profile is not None and told.profile["rows"] == 2
    client.datasets.delete(data.id)
    with pytest.raises(NotFound):
        client.datasets.get(data.id)


def test_every_fault_of_a_file_has_its_row_and_column(client: Client) -> None:
    wrong = HEADER + "1;X;12/05/1980;01/09/2010;32000\n2;M;hier;02/01/2001;-1\n"
    with pytest.raises(Invalid) as raised:
        client.datasets.upload(wrong.encode(), module="ifc", warranty=True)
    places = [(fault.row, fault.column) for fault in raised.value.faults]
    assert places == [(2, "sex"), (3, "birth_date"), (3, "annual_salary")]
    assert raised.value.total == 3
    assert "row 2, sex" in str(raised.value)


def test_the_warranty_is_the_callers_to_give(client: Client) -> None:
    with pytest.raises(Invalid) as raised:
        client.datasets.upload(CSV.encode(), module="ifc", warranty=False)
    assert list(raised.value.errors) == ["warranty"]


def test_lists_go_on_past_a_page(client: Client) -> None:
    ids = [upload(client, f"{number}.csv") for number in range(5)]
    listed = [data.id for data in client.datasets.list(page=2)]
    assert listed[:5] == ids[::-1]
    assert len(set(listed)) == len(listed)


def test_a_calculation_is_waited_for_and_its_reports_are_files(
    client: Client, tmp_path: Path
) -> None:
    parameters = json.loads(EXAMPLE.read_text())
    del parameters["employees"]
    data = upload(client)
    id = client.calculations.create("ifc", dataset=data, parameters=parameters, name="essai")
    looks: list[Calculation] = []
    done = client.calculations.wait(id, timeout=60, progress=looks.append)
    assert looks[-1] == done and done.progress == 1.0 and done.name == "essai"
    assert done.result is not None
    forms: dict[Literal["pdf", "xlsx", "json"], bytes] = {
        "pdf": b"%PDF-",
        "xlsx": b"PK",
        "json": b"{",
    }
    for form, begins in forms.items():
        report = client.calculations.download(id, form, tmp_path / f"rapport.{form}")
        assert report.read_bytes().startswith(begins)
    told = json.loads((tmp_path / "rapport.json").read_text())
    assert told["result"]["dbo"] == done.result["dbo"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "rapport.json",
        "rapport.pdf",
        "rapport.xlsx",
    ]
    assert id in [one.id for one in client.calculations.list(page=1)]
    client.calculations.delete(id)
    with pytest.raises(NotFound):
        client.calculations.download(id, "pdf", tmp_path / "rapport.pdf")
    assert (tmp_path / "rapport.pdf").exists(), "what was there is replaced by what is whole alone"


def test_a_key_of_the_caller_makes_one_calculation(client: Client) -> None:
    once = [
        client.calculations.create("rente", parameters=ANNUITY, idempotency_key="lot-7")
        for _ in range(2)
    ]
    assert once[0] == once[1]
    assert client.calculations.create("rente", parameters=ANNUITY) != once[0]


def test_what_runs_is_cancelled(client: Client) -> None:
    parameters = json.loads((EXAMPLE.parent / "retraite.json").read_text())
    parameters["simulation"]["scenarios"] = 20_000
    id = client.calculations.create("retraite", parameters=parameters)
    with pytest.raises(WaitExpired):
        client.calculations.wait(id, timeout=0)
    client.calculations.cancel(id)
    with pytest.raises(NotFound):
        client.calculations.get(id)


def test_a_small_calculation_is_answered_at_once(client: Client) -> None:
    assert "rente" in client.account().modules
    assert client.compute("rente", ANNUITY)["present_value"] > 10
    with pytest.raises(Invalid) as raised:
        client.compute("rente", {**ANNUITY, "rate": -2})
    assert [fault.pointer for fault in raised.value.faults] == ["/rate"]


def test_an_unknown_key_is_told(connect: Callable[..., Client]) -> None:
    with connect("aops_nonsense") as client, pytest.raises(Unauthorized) as raised:
        client.account()
    assert raised.value.status == 401 and raised.value.instance
