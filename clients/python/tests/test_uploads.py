"""Files in parts, against the real gateway; the cuts are made on the way to it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from aops import AopsError, Client, Invalid, NotFound, UploadInterrupted

HEADER = "id;sex;birth_date;hire_date;annual_salary\n"
LINES = 3_000
FILE = (
    HEADER + "".join(f"A-{n};F;12/05/1980;01/09/2010;32000,50\n" for n in range(LINES))
).encode()
PART = 40_000


class Cutting(httpx.BaseTransport):
    """The way to the gateway, whose connections break in the middle of the first parts."""

    def __init__(self, authority: ssl.SSLContext, cuts: int) -> None:
        self.cuts = cuts
        self.methods: list[str] = []
        self.offsets: list[int] = []
        self._way = httpx.HTTPTransport(verify=authority)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.methods.append(request.method)
        if request.method == "PATCH":
            self.offsets.append(int(request.headers["upload-offset"]))
        if request.method == "PATCH" and self.cuts:
            self.cuts -= 1
            request.stream = Half(request.read())
        return self._way.handle_request(request)

    def close(self) -> None:
        self._way.close()


class Half(httpx.SyncByteStream):
    """Half of a body, and then the connection breaks."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body[: len(self._body) // 2]
        raise httpx.WriteError("cut")


def test_a_file_in_parts_is_the_data_set_that_it_is_at_once(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "effectif.csv"
    file.write_bytes(FILE)
    shares: list[float] = []
    data = client.uploads.upload(
        file, module="ifc", warranty=True, part=PART, progress=shares.append
    )
    assert (data.name, data.rows) == ("effectif.csv", LINES)
    assert shares == sorted(shares) and len(shares) == -(-len(FILE) // PART) and shares[-1] == 1
    at_once = client.datasets.upload(file, module="ifc", warranty=True)
    assert (data.columns, data.rows, data.profile) == (
        at_once.columns,
        at_once.rows,
        client.datasets.get(at_once.id).profile,
    )
    assert client.uploads.list() == ()


def test_after_a_cut_it_goes_on_from_where_the_service_stands(
    connect: Callable[..., Client], authority: ssl.SSLContext
) -> None:
    way = Cutting(authority, cuts=2)
    with connect(transport=way) as client:
        data = client.uploads.upload(FILE, module="ifc", warranty=True, name="a.csv", part=PART)
        assert (data.name, data.rows) == ("a.csv", LINES)
    assert way.methods[:5] == ["POST", "PATCH", "HEAD", "PATCH", "HEAD"]
    assert way.offsets[:3] == [0, PART // 2, PART], "what came before a cut is kept"


def test_another_program_goes_on_with_what_was_interrupted(
    connect: Callable[..., Client], client: Client, authority: ssl.SSLContext
) -> None:
    way = Cutting(authority, cuts=1)
    with (
        connect(transport=way, retries=0) as cut,
        pytest.raises(UploadInterrupted) as raised,
    ):
        cut.uploads.upload(FILE, module="ifc", warranty=True, part=PART)
    id = raised.value.upload
    assert id in [one.id for one in client.uploads.list()]
    stands = client.uploads.get(id)
    assert (stands.state, stands.module, stands.length) == ("receiving", "ifc", len(FILE))
    with pytest.raises(AopsError, match="one has 3"):
        client.uploads.resume(id, b"id\n")
    data = client.uploads.resume(id, FILE)
    assert data.rows == LINES
    kept = client.uploads.get(id)
    assert (kept.state, kept.dataset, kept.offset) == ("kept", data.id, len(FILE))
    # The last answer may have been lost: nothing is sent, and nothing is made twice.
    assert client.uploads.resume(id, FILE) == data


def test_a_file_at_fault_is_told_and_leaves_nothing(client: Client) -> None:
    wrong = (HEADER + "1;X;12/05/1980;01/09/2010;32000\n").encode()
    with pytest.raises(Invalid) as raised:
        client.uploads.upload(wrong, module="ifc", warranty=True)
    assert [(fault.row, fault.column) for fault in raised.value.faults] == [(2, "sex")]
    assert client.uploads.list() == ()
    with pytest.raises(Invalid) as raised:
        client.uploads.upload(FILE, module="ifc", warranty=False)
    assert list(raised.value.errors) == ["warranty"]


def test_what_is_given_up_is_gone(client: Client) -> None:
    begun = client.uploads.begin(len(FILE), module="ifc", warranty=True, pseudonyms=True)
    assert (begun.offset, begun.state) == (0, "receiving")
    client.uploads.delete(begun.id)
    with pytest.raises(NotFound):
        client.uploads.resume(begun.id, FILE)
