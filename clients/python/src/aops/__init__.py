"""Client of the calculation API of AOPS Conseil."""

from aops.client import Client
from aops.errors import (
    AopsError,
    CalculationFailed,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    PaymentRequired,
    Problem,
    RateLimited,
    TooLarge,
    Unauthorized,
    Unavailable,
    WaitExpired,
)
from aops.types import Account, Calculation, Dataset, Fault, State

__all__ = [
    "Account",
    "AopsError",
    "Calculation",
    "CalculationFailed",
    "Client",
    "Dataset",
    "Fault",
    "Forbidden",
    "Gone",
    "Invalid",
    "NotFound",
    "PaymentRequired",
    "Problem",
    "RateLimited",
    "State",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "WaitExpired",
]
