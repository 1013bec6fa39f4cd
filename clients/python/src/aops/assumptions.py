"""What calculations may begin with: presets, those of the last calculation, and one's own."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx

from aops.transport import Transport
from aops.types import Assumptions, Json

_ALL = "/api/v1/assumptions"


class AssumptionSets:
    """`client.assumptions`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, module: str | None = None) -> tuple[Assumptions, ...]:
        """All, or those of a module: presets, the last calculation's, then one's own by name.

        Without their values, which `get` tells.
        """
        query = {} if module is None else {"module": module}
        told = self._transport.json("GET", _ALL, query=query)
        return tuple(map(Assumptions.read, told["assumptions"]))

    def presets(self, module: str) -> tuple[Assumptions, ...]:
        """Those that the service proposes for a module, as `list` tells them."""
        return tuple(one for one in self.list(module) if one.origin == "preset")

    def last(self, module: str) -> Assumptions:
        """Those of the last calculation of a module. Raises `NotFound` before there was one."""
        return self.get(f"last_{module}")

    def get(self, id: str) -> Assumptions:
        """One, with its values and its `etag`."""
        return _read(self._transport.answer("GET", _path(id)))

    def save(
        self, module: str, name: str, values: Json, *, source: str | None = None
    ) -> Assumptions:
        """Saves assumptions of a module under a name that no other of the module has.

        `source` says where they come from. Raises `Invalid`, also for values that are no
        assumptions: lines of data, a day, one person's age or pay.
        """
        body: dict[str, Any] = {"module": module, "name": name, "values": dict(values)}
        if source is not None:
            body["source"] = source
        return _read(self._transport.answer("POST", _ALL, body=body, again=False))

    def change(
        self,
        id: str,
        *,
        name: str | None = None,
        source: str | None = None,
        values: Json | None = None,
        if_match: str | None = None,
    ) -> Assumptions:
        """Changes what was saved; what is not given stays.

        `values` come over those that are there, member by member, and None takes one away. With
        the `etag` that was read as `if_match`, a change made meanwhile is not lost: it raises
        `PreconditionFailed`.
        """
        body: dict[str, Any] = {}
        if name is not None:
            body["name"] = name
        if source is not None:
            body["source"] = source
        if values is not None:
            body["values"] = dict(values)
        headers = _guard(if_match)
        # Once it is done, a second one would no longer match.
        again = if_match is None
        return _read(
            self._transport.answer("PATCH", _path(id), body=body, headers=headers, again=again)
        )

    def delete(self, id: str, *, if_match: str | None = None) -> None:
        """Deletes what was saved, or forgets those of a last calculation; `if_match` as above."""
        self._transport.answer("DELETE", _path(id), headers=_guard(if_match))


def _read(answer: httpx.Response) -> Assumptions:
    return Assumptions.read(answer.json(), answer.headers.get("etag"))


def _guard(tag: str | None) -> dict[str, str]:
    return {} if tag is None else {"if-match": tag}


def _path(id: str) -> str:
    return f"{_ALL}/{quote(id, safe='')}"
