"""The gateway that the repository's end-to-end tests start: variables tell where it is."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from aops import Client

Connect = Callable[..., Client]


@pytest.fixture
def authority() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=os.environ["AOPS_TEST_AUTHORITY"])


@pytest.fixture
def connect(authority: ssl.SSLContext) -> Connect:
    return partial(Client, base_url=os.environ["AOPS_TEST_URL"], verify=authority)


@pytest.fixture
def client(connect: Connect) -> Iterator[Client]:
    with connect() as client:
        yield client
