"""Data sets: files of employees, policyholders or claims that calculations read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO
from urllib.parse import quote

from aops.transport import Transport
from aops.types import Dataset

File = str | Path | bytes | IO[bytes]

_ALL = "/api/v1/datasets"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_ZIP = b"PK\x03\x04"


class Datasets:
    """`client.datasets`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def upload(
        self,
        file: File,
        *,
        module: str,
        warranty: bool,
        name: str | None = None,
        pseudonyms: bool = False,
        mapping: Mapping[str, str] | None = None,
    ) -> Dataset:
        """Sends a CSV or XLSX file and keeps it if nothing is wrong with it.

        `warranty` says that your organisation, the controller, may have these data processed.
        `mapping` tells columns of the file by the service's names where they are not recognised.

        Raises `Invalid`, whose `faults` have every fault with its `row` and `column`.
        """
        query = asked(file, module, warranty, name, pseudonyms, mapping)
        if isinstance(file, (str, Path)):
            with open(file, "rb") as content:
                return self._sent(query, content)
        return self._sent(query, file)

    def _sent(self, query: Mapping[str, str], content: bytes | IO[bytes]) -> Dataset:
        if isinstance(content, bytes):
            begins = content[: len(_ZIP)]
        else:
            begin = content.tell()
            begins = content.read(len(_ZIP))
            content.seek(begin)
        kind = _XLSX if begins == _ZIP else "text/csv"
        return Dataset.read(self._transport.upload(_ALL, query, content, kind))

    def get(self, id: str) -> Dataset:
        """One data set, with its profile."""
        return Dataset.read(self._transport.json("GET", f"{_ALL}/{quote(id, safe='')}"))

    def list(self, *, page: int = 50) -> Iterator[Dataset]:
        """All of them, the latest first; pages are fetched as they are needed."""
        query: dict[str, str | int] = {"limit": page}
        while True:
            told = self._transport.json("GET", _ALL, query=query)
            yield from map(Dataset.read, told["datasets"])
            if told["next"] is None:
                return
            query["cursor"] = told["next"]

    def delete(self, id: str) -> None:
        """Deletes it at once, with its key."""
        self._transport.json("DELETE", f"{_ALL}/{quote(id, safe='')}")


def asked(
    file: File | None,
    module: str,
    warranty: bool,
    name: str | None,
    pseudonyms: bool,
    mapping: Mapping[str, str] | None,
) -> dict[str, str]:
    """What is said of a file, whether it comes at once or in parts; a path gives it its name."""
    query = {"module": module, "pseudonyms": "yes" if pseudonyms else "no"}
    if warranty:
        query["warranty"] = "accepted"
    query.update({f"map.{column}": target for column, target in (mapping or {}).items()})
    if not name and isinstance(file, (str, Path)):
        name = Path(file).name
    if name:
        query["name"] = name
    return query
