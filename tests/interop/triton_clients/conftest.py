"""Both of Triton's Python clients, for tests that hold for either."""

from collections.abc import Iterator

import pytest

from server_process import ServerProcess
from triton_client import Triton


@pytest.fixture(params=["grpc", "http"])
def triton(
    request: pytest.FixtureRequest, server: ServerProcess
) -> Iterator[Triton]:
    with Triton(request.param, server) as client:
        yield client


@pytest.fixture
def triton_grpc(server: ServerProcess) -> Iterator[Triton]:
    with Triton("grpc", server) as client:
        yield client


@pytest.fixture
def triton_http(server: ServerProcess) -> Iterator[Triton]:
    with Triton("http", server) as client:
        yield client
