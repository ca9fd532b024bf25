"""One server for all tests; those that stop theirs start one of their own."""

from collections.abc import Iterator

import pytest

from server_process import ServerProcess


@pytest.fixture(scope="session")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as process:
        yield process
        process.terminate()
        assert process.wait() == 0, process.log()
