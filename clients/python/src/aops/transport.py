"""Requests, sent again where that is safe. Not what they mean."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import httpx

from aops import errors

LONGEST_PAUSE = 60.0
_LATER = (429, 503)

Query = Mapping[str, str | int]


class Transport:
    """Sends requests with a key; waits and sends again when told to come back."""

    def __init__(self, http: httpx.Client, retries: int) -> None:
        self._http = http
        self._retries = retries

    @property
    def retries(self) -> int:
        """How often something is tried again."""
        return self._retries

    def close(self) -> None:
        self._http.close()

    def json(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The body of a good answer; none of 204. Sending it twice must do no more than once."""
        response = self.answer(method, path, query=query, body=body, headers=headers)
        return response.json() if response.content else None

    def answer(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        again: bool = True,
    ) -> httpx.Response:
        """A good answer, its body read.

        `again` says that sending it twice does no more than once; without it, it is sent a second
        time only where the first was refused unread.
        """
        request = self._http.build_request(
            method, path, params=query, json=body, content=content, headers=headers
        )
        with self._sent(request, again) as response:
            response.read()
            return response

    def upload(self, path: str, query: Query, content: bytes | IO[bytes], kind: str) -> Any:
        """As `json`, of what is not sent again unless it was refused unread."""
        begin = 0 if isinstance(content, bytes) else content.tell()

        def request() -> httpx.Request:
            if not isinstance(content, bytes):
                content.seek(begin)
            headers = {"content-type": kind}
            return self._http.build_request(
                "POST", path, params=query, content=content, headers=headers
            )

        with self._sent(request, again=False) as response:
            response.read()
            return response.json()

    @contextmanager
    def stream(self, path: str) -> Iterator[Iterator[bytes]]:
        """The bytes of a good answer as they come."""
        with self._sent(self._http.build_request("GET", path), again=True) as response:
            yield response.iter_bytes()

    @contextmanager
    def _sent(self, request: Any, again: bool) -> Iterator[httpx.Response]:
        response = self._answer(request, again)
        try:
            if response.is_error:
                response.read()
                raise errors.of(response)
            yield response
        finally:
            response.close()

    def _answer(self, request: Any, again: bool) -> httpx.Response:
        for attempt in range(self._retries + 1):
            last = attempt == self._retries
            try:
                made = request() if callable(request) else request
                response = self._http.send(made, stream=True)
            except httpx.ConnectError:
                # Nothing was sent.
                if last:
                    raise
                time.sleep(pause(attempt, None))
                continue
            except httpx.TransportError:
                if last or not again:
                    raise
                time.sleep(pause(attempt, None))
                continue
            refused_unread = response.status_code == 429
            if last or response.status_code not in _LATER or not (again or refused_unread):
                return response
            response.close()
            time.sleep(pause(attempt, errors.retry_after(response)))
        raise AssertionError("the last attempt answers or raises")


def pause(attempt: int, told: float | None) -> float:
    """Seconds: never earlier than told; many clients do not come back at the same instant."""
    wait = told if told is not None else min(0.5 * 2.0**attempt, 8.0)
    return float(min(wait, LONGEST_PAUSE) + random.uniform(0.0, 0.25))
