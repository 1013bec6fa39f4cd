"""What the service tells, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

State = Literal["queued", "running", "done", "failed", "cancelled"]
Origin = Literal["preset", "last", "own"]
UploadState = Literal["receiving", "received", "kept"]
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


@dataclass(frozen=True)
class Note:
    """What a field of a preset is for, and where its value comes from or is to be read."""

    field: str
    """With a dot between the names of objects."""
    help: str
    source: str


@dataclass(frozen=True)
class Assumptions:
    """What a calculation may begin with."""

    id: str
    origin: Origin
    """The service's presets, the last calculation of the module, or saved under a name."""
    module: str
    name: str | None
    """None of those of the last calculation."""
    about: str | None
    """What a preset is for."""
    source: str | None
    """Where whoever saved them says that they come from."""
    changed: datetime | None
    """Presets never are."""
    values: Json | None
    """Not told in lists."""
    notes: tuple[Note, ...]
    """Of presets, field by field."""
    etag: str | None
    """What was read, for `if_match`; not told in lists."""

    @classmethod
    def read(cls, told: Json, etag: str | None = None) -> Assumptions:
        return cls(
            id=told["id"],
            origin=told["origin"],
            module=told["module"],
            name=told.get("name"),
            about=told.get("about"),
            source=told.get("source"),
            changed=_time(told["changed"]) if "changed" in told else None,
            values=told.get("values"),
            notes=tuple(
                Note(one["field"], one["help"], one["source"]) for one in told.get("notes", ())
            ),
            etag=etag,
        )


@dataclass(frozen=True)
class Quota:
    """Calculations that a plan includes."""

    used: int
    included: int
    left: int
    left_after: int
    """What is left once the calculation was asked for."""
    until: datetime | None
    """When it begins anew or ends."""


@dataclass(frozen=True)
class Price:
    """What comes on top of the plan, before tax."""

    cents: int
    currency: str


@dataclass(frozen=True)
class Estimate:
    """What a calculation would use and cost, before it is asked for."""

    module: str
    possible: bool
    units: int
    """What it takes of the limits on requests."""
    offer: str | None
    """The offer of the plan that opens it."""
    counts: int
    """How much of the quota it takes, or is billed: 0 or 1."""
    quota: Quota | None
    """None where the plan counts nothing."""
    billed: bool
    """Whether it comes on top of the plan; `price` says how much where that is known."""
    price: Price | None

    @classmethod
    def read(cls, told: Json) -> Estimate:
        quota, price = told["quota"], told["price"]
        return cls(
            module=told["module"],
            possible=told["possible"],
            units=told["units"],
            offer=told["offer"],
            counts=told["counts"],
            quota=quota
            and Quota(
                used=quota["used"],
                included=quota["included"],
                left=quota["left"],
                left_after=quota["left_after"],
                until=_time(quota["until"]) if quota["until"] else None,
            ),
            billed=told["billed"],
            price=price and Price(price["cents"], price["currency"]),
        )


@dataclass(frozen=True)
class Upload:
    """A file that comes in parts, as it stood when it was asked about."""

    id: str
    state: UploadState
    """`received` is whole and not, or not yet, a data set; `kept` is the data set `dataset`."""
    module: str | None
    """None once it is kept, as `name`: the data set tells them."""
    name: str | None
    offset: int
    """Bytes that have come."""
    length: int
    """Bytes of the whole file."""
    created: datetime
    ends: datetime
    """When what came is deleted if nobody goes on with it."""
    dataset: str | None

    @classmethod
    def read(cls, told: Json) -> Upload:
        return cls(
            id=told["id"],
            state=told["state"],
            module=told.get("module"),
            name=told.get("name"),
            offset=told["offset"],
            length=told["length"],
            created=_time(told["created"]),
            ends=_time(told["ends"]),
            dataset=told.get("dataset"),
        )
