"""What is sent again, and what is not."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from aops import AopsError, Client, RateLimited, Unavailable, UploadInterrupted

LATER = {"retry-after": "7"}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr("aops.transport.time.sleep", waited.append)
    return waited


def client(answer: Callable[[httpx.Request], httpx.Response], retries: int = 2) -> Client:
    return Client("aops_x", retries=retries, transport=httpx.MockTransport(answer))


def test_it_comes_back_when_it_is_told_to_with_the_same_idempotency_key(
    pauses: list[float],
) -> None:
    keys: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        if len(keys) == 1:
            return httpx.Response(429, headers=LATER)
        if len(keys) == 2:
            raise httpx.ReadError("cut")
        return httpx.Response(202, json={"id": "calc_1", "state": "queued"})

    assert client(answer).calculations.create("rente") == "calc_1"
    assert len(set(keys)) == 1
    assert 7 <= pauses[0] < 8


def test_it_gives_up_with_what_was_told(pauses: list[float]) -> None:
    with pytest.raises(RateLimited) as raised:
        client(lambda _: httpx.Response(429, headers=LATER)).account()
    assert raised.value.retry_after == 7
    assert len(pauses) == 2


def test_a_file_is_sent_again_only_where_it_was_refused_unread(pauses: list[float]) -> None:
    sent: list[bytes] = []

    def refused(request: httpx.Request) -> httpx.Response:
        sent.append(request.read())
        return httpx.Response(503 if len(sent) == 2 else 429, headers=LATER)

    with pytest.raises(Unavailable):
        client(refused).datasets.upload(b"id\n1\n", module="ifc", warranty=True)
    assert sent == [b"id\n1\n"] * 2


def test_a_key_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AOPS_API_KEY", raising=False)
    with pytest.raises(AopsError):
        Client()
    monkeypatch.setenv("AOPS_API_KEY", "aops_x")
    Client().close()


UPLOAD = {
    "id": "up_1",
    "state": "receiving",
    "offset": 0,
    "length": 6,
    "created": "2026-11-28T09:00:00Z",
    "ends": "2026-11-29T09:00:00Z",
}


def test_a_part_is_sent_again_from_where_the_service_says(pauses: list[float]) -> None:
    arrived = b""
    answers = iter(["later", "moved", "cut"])

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal arrived
        if request.method == "POST":
            return httpx.Response(201, json=UPLOAD)
        if request.method == "PATCH":
            match next(answers, None):
                case "later":
                    return httpx.Response(503, headers=LATER)
                case "moved":
                    arrived = b"id"
                    return httpx.Response(409)
                case "cut":
                    arrived += request.read()[:1]
                    raise httpx.ReadTimeout("cut")
            assert int(request.headers["upload-offset"]) == len(arrived)
            arrived += request.read()
        if request.url.path.startswith("/api/v1/datasets/"):
            raise httpx.ReadError("that will do")
        place = {"location": "/api/v1/datasets/ds_1"}
        return httpx.Response(204, headers={"upload-offset": str(len(arrived)), **place})

    with pytest.raises(httpx.ReadError):
        client(answer).uploads.upload(b"id\n1\n\n", module="ifc", warranty=True, part=2)
    assert arrived == b"id\n1\n\n"
    assert 7 <= pauses[0] < 8


def test_a_file_in_parts_is_given_up_where_nothing_arrives_and_can_be_resumed(
    pauses: list[float],
) -> None:
    methods: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        methods.append(request.method)
        if request.method == "POST":
            return httpx.Response(201, json=UPLOAD)
        if request.method == "PATCH":
            raise httpx.WriteError("cut")
        return httpx.Response(200, headers={"upload-offset": "0"})

    with pytest.raises(UploadInterrupted) as raised:
        client(answer).uploads.upload(b"id\n1\n\n", module="ifc", warranty=True)
    assert (raised.value.upload, raised.value.offset) == ("up_1", 0)
    assert methods == ["POST", "PATCH", "HEAD", "PATCH", "HEAD", "PATCH"]


def test_a_change_that_depends_on_what_was_read_is_not_sent_twice(pauses: list[float]) -> None:
    def cut(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("cut")

    with pytest.raises(httpx.ReadError):
        client(cut).assumptions.change("as_1", name="a", if_match='"1"')
    assert pauses == []
