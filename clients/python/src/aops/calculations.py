"""Calculations that are asked for, waited for, and fetched."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from aops.errors import CalculationFailed, WaitExpired
from aops.transport import Transport
from aops.types import Calculation, Estimate, Json

_ALL = "/api/v1/calculations"
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


class Calculations:
    """`client.calculations`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        module: str,
        *,
        dataset: str | None = None,
        assumptions: str | None = None,
        parameters: Json | None = None,
        name: str | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Asks for a calculation; its id.

        It begins with the `assumptions` of this id, and `parameters` come over them, member by
        member.

        It is made and charged once, however often the request has to be sent: the key is made here
        unless the caller, who may be restarted in between, has one.
        """
        body = _asked(module, dataset, assumptions, parameters)
        if name is not None:
            body["name"] = name
        headers = {"idempotency-key": idempotency_key or str(uuid.uuid4())}
        told = self._transport.json("POST", _ALL, body=body, headers=headers)
        return str(told["id"])

    def estimate(
        self,
        module: str,
        *,
        dataset: str | None = None,
        assumptions: str | None = None,
        parameters: Json | None = None,
    ) -> Estimate:
        """What `create` of the same would use and cost; nothing is computed, counted or kept."""
        body = _asked(module, dataset, assumptions, parameters)
        return Estimate.read(self._transport.json("POST", f"{_ALL}/estimate", body=body))

    def get(self, id: str) -> Calculation:
        """Where it stands, with its result once it is done."""
        return Calculation.read(self._transport.json("GET", _path(id)))

    def list(self, *, page: int = 50) -> Iterator[Calculation]:
        """All of them, the newest first, without results; pages are fetched as they are needed."""
        query: dict[str, str | int] = {"limit": page}
        while True:
            told = self._transport.json("GET", _ALL, query=query)
            yield from map(Calculation.read, told["calculations"])
            if told["next"] is None:
                return
            query["cursor"] = told["next"]

    def wait(
        self,
        id: str,
        *,
        timeout: float | None = None,
        progress: Callable[[Calculation], None] | None = None,
    ) -> Calculation:
        """Waits for its end; `progress` is called with it after each look.

        Raises `CalculationFailed` where it ends without a result, `WaitExpired` after `timeout`
        seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while True:
            calculation = self.get(id)
            if progress is not None:
                progress(calculation)
            if calculation.state == "done":
                return calculation
            if calculation.is_over:
                raise CalculationFailed(calculation)
            if deadline is not None and time.monotonic() + pause > deadline:
                raise WaitExpired(calculation)
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def download(self, id: str, form: Literal["pdf", "xlsx", "json"], to: str | Path) -> Path:
        """Writes its report to a file as it comes.

        A file of that name is replaced once the new one is whole.
        """
        target = Path(to)
        part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
        try:
            report = self._transport.stream(f"{_path(id)}/report.{form}")
            with report as chunks, open(part, "wb") as file:
                file.writelines(chunks)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
        return target

    def cancel(self, id: str) -> None:
        """Stops it. The service keeps nothing of what was stopped: this is `delete`."""
        self.delete(id)

    def delete(self, id: str) -> None:
        """Deletes it at once, with its reports; stops it first where it runs."""
        self._transport.json("DELETE", _path(id))


def _asked(
    module: str, dataset: str | None, assumptions: str | None, parameters: Json | None
) -> dict[str, object]:
    body: dict[str, object] = {"module": module, "parameters": dict(parameters or {})}
    if dataset is not None:
        body["dataset"] = dataset
    if assumptions is not None:
        body["assumptions"] = assumptions
    return body


def _path(id: str) -> str:
    return f"{_ALL}/{quote(id, safe='')}"
