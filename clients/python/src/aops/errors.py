"""What goes wrong, as exceptions. Refusals of the service are problem documents (RFC 9457)."""

from __future__ import annotations

from typing import Any

import httpx

from aops.types import Calculation, Fault


class AopsError(Exception):
    """Anything of this package."""


class Problem(AopsError):
    """The service refused; subclasses tell why."""

    def __init__(self, status: int, told: dict[str, Any], retry_after: float | None) -> None:
        self.status = status
        self.title: str = told.get("title", "")
        self.detail: str = told.get("detail", "")
        self.type: str = told.get("type", "about:blank")
        self.instance: str | None = told.get("instance")
        """The request's name, for the support."""
        self.retry_after = retry_after
        """Seconds, where the service says when to come back."""
        self.members = told
        self.faults = tuple(Fault.read(one) for one in told.get("faults", ()))
        super().__init__(f"{status} {self.title}: {self.detail}".rstrip(": "))


class Unauthorized(Problem):
    """The key is missing, unknown or over."""


class PaymentRequired(Problem):
    """No plan opens the module, or everything that may be had was had."""


class Forbidden(Problem):
    """The key's scopes do not open this."""


class NotFound(Problem):
    """Nothing of this name in the organisation, or no result yet."""


class Conflict(Problem):
    """Something else was done with it at the same time."""


class PreconditionFailed(Problem):
    """It was changed since it was read: the tag is no longer its own."""


class Gone(Problem):
    """What the same Idempotency-Key made was deleted."""


class TooLarge(Problem):
    """Larger, or dearer, than may be had at once."""


class Invalid(Problem):
    """The request or the file is at fault: all `faults`, and by name the `errors` of the query."""

    def __init__(self, status: int, told: dict[str, Any], retry_after: float | None) -> None:
        super().__init__(status, told, retry_after)
        self.errors: dict[str, str] = told.get("errors", {})
        self.total: int = told.get("total", len(self.faults))
        """Faults that were found; more than `faults` where the service stopped listing them."""

    def __str__(self) -> str:
        shown = [str(fault) for fault in self.faults[:5]]
        shown += [f"{name}: {message}" for name, message in self.errors.items()]
        more = self.total - len(self.faults[:5])
        return "\n".join([super().__str__(), *shown, *([f"… and {more} more"] if more > 0 else [])])


class RateLimited(Problem):
    """Too often, also after waiting as long as was told."""


class Unavailable(Problem):
    """The service cannot answer now, also after waiting as long as was told."""


class CalculationFailed(AopsError):
    """A calculation that was waited for ended without a result."""

    def __init__(self, calculation: Calculation) -> None:
        self.calculation = calculation
        why = "; ".join(str(fault) for fault in calculation.faults) or calculation.incident or ""
        super().__init__(f"calculation {calculation.id} {calculation.state}: {why}".rstrip(": "))


class WaitExpired(AopsError):
    """A calculation was not over in time; it goes on."""

    def __init__(self, calculation: Calculation) -> None:
        self.calculation = calculation
        super().__init__(f"calculation {calculation.id} is still {calculation.state}")


class UploadInterrupted(AopsError):
    """A file in parts did not come to its end; what came is kept for a day, and can be resumed."""

    def __init__(self, upload: str, offset: int) -> None:
        self.upload = upload
        """Its id, for `client.uploads.resume`."""
        self.offset = offset
        """Bytes that are known to have come."""
        super().__init__(f"upload {upload} was interrupted after {offset} bytes")


_BY_STATUS: dict[int, type[Problem]] = {
    401: Unauthorized,
    402: PaymentRequired,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    412: PreconditionFailed,
    413: TooLarge,
    422: Invalid,
    429: RateLimited,
    503: Unavailable,
}


def retry_after(response: httpx.Response) -> float | None:
    """Seconds, as our service tells them."""
    told = response.headers.get("retry-after", "")
    return float(told) if told.isdecimal() else None


def of(response: httpx.Response) -> Problem:
    """The refusal in an answer whose body was read."""
    try:
        told = response.json()
    except ValueError:
        told = {}
    if not isinstance(told, dict):
        told = {}
    kind = _BY_STATUS.get(response.status_code, Problem)
    return kind(response.status_code, told, retry_after(response))
