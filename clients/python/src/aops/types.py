"""What the service tells, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

State = Literal["queued", "running", "done", "failed", "cancelled"]
Json = Mapping[str, Any]


def _time(text: str) -> datetime:
    # Python 3.10 reads neither `Z` nor more than six digits of a second.
    whole, _, rest = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{rest[:6]:0<6}+00:00")


@dataclass(frozen=True)
class Fault:
    """What is wrong or odd: in a file by row and column, in a request by JSON pointer."""

    code: str
    message: str
    row: int | None = None
    """The header is row 1; none where it is about a whole column or file."""
    column: str | None = None
    pointer: str | None = None

    @classmethod
    def read(cls, told: Json) -> Fault:
        return cls(
            code=told["code"],
            message=told["message"],
            row=told.get("row"),
            column=told.get("column"),
            pointer=told.get("pointer"),
        )

    def __str__(self) -> str:
        if self.row is not None:
            return f"row {self.row}, {self.column or 'whole row'}: {self.message}"
        return f"{self.pointer or self.column or 'request'}: {self.message}"


@dataclass(frozen=True)
class Dataset:
    """A file that was checked and is kept."""

    id: str
    module: str
    name: str
    rows: int
    columns: tuple[str, ...]
    created: datetime
    ends: datetime
    """When it is deleted at the latest."""
    warnings: tuple[Fault, ...]
    profile: Json | None
    """Told by `get` alone."""

    @classmethod
    def read(cls, told: Json) -> Dataset:
        return cls(
            id=told["id"],
            module=told["module"],
            name=told["name"],
            rows=told["rows"],
            columns=tuple(told["column_names"]),
            created=_time(told["created"]),
            ends=_time(told["ends"]),
            warnings=tuple(Fault.read(one) for one in told.get("warnings", ())),
            profile=told.get("profile"),
        )


@dataclass(frozen=True)
class Calculation:
    """A calculation as it stood when it was asked about."""

    id: str
    module: str
    state: State
    progress: float
    """From 0 to 1."""
    created: datetime
    ended: datetime | None
    ends: datetime
    """When it is deleted at the latest."""
    name: str | None
    dataset: str | None
    result: Json | None
    """Without lists of more than a thousand lines, which the reports have."""
    faults: tuple[Fault, ...]
    incident: str | None
    """What to tell the support when it failed by no fault of the request."""

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed", "cancelled")

    @classmethod
    def read(cls, told: Json) -> Calculation:
        return cls(
            id=told["id"],
            module=told["module"],
            state=told["state"],
            progress=told["progress"],
            created=_time(told["created"]),
            ended=_time(told["ended"]) if "ended" in told else None,
            ends=_time(told["ends"]),
            name=told.get("name"),
            dataset=told.get("dataset"),
            result=told.get("result"),
            faults=tuple(Fault.read(one) for one in told.get("faults", ())),
            incident=told.get("incident"),
        )


@dataclass(frozen=True)
class Account:
    """What a key opens."""

    organisation: str
    modules: tuple[str, ...]
    tariff: Mapping[str, int]

    @classmethod
    def read(cls, told: Json) -> Account:
        return cls(
            organisation=told["organisation"],
            modules=tuple(told["modules"]),
            tariff=told["tariff"],
        )
