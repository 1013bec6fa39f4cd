"""The client."""

from __future__ import annotations

import os
import ssl
from types import TracebackType
from urllib.parse import quote

import httpx

from aops.assumptions import AssumptionSets
from aops.calculations import Calculations
from aops.datasets import Datasets
from aops.errors import AopsError
from aops.transport import Transport
from aops.types import Account, Json
from aops.uploads import Uploads

BASE_URL = "https://actuarem.com"


class Client:
    """Speaks to the service with an API key: `key`, or the variable `AOPS_API_KEY`."""

    def __init__(
        self,
        key: str | None = None,
        *,
        base_url: str = BASE_URL,
        timeout: float = 60.0,
        retries: int = 4,
        verify: ssl.SSLContext | bool = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        key = key or os.environ.get("AOPS_API_KEY")
        if not key:
            raise AopsError("no API key: pass `key`, or set AOPS_API_KEY")
        http = httpx.Client(
            base_url=base_url,
            headers={"authorization": f"Bearer {key}", "user-agent": "aops-python/0.1.0"},
            timeout=timeout,
            verify=verify,
            transport=transport,
        )
        self._transport = Transport(http, retries)
        self.assumptions = AssumptionSets(self._transport)
        self.datasets = Datasets(self._transport)
        self.uploads = Uploads(self._transport, self.datasets)
        self.calculations = Calculations(self._transport)

    def account(self) -> Account:
        """What the key opens."""
        return Account.read(self._transport.json("GET", "/api/v1/account"))

    def compute(self, module: str, parameters: Json) -> Json:
        """A small calculation, answered at once. Raises `Invalid` with every fault."""
        path = f"/api/v1/compute/{quote(module, safe='')}"
        result: Json = self._transport.json("POST", path, body=dict(parameters))
        return result

    def close(self) -> None:
        """Ends its connections."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
