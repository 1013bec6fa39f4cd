"""What is sent again, and what is not."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from aops import AopsError, Client, RateLimited, Unavailable

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
