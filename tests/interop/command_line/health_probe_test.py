"""grpc-health-probe, as an orchestrator runs it: each of its exit codes."""

import pytest

from commands import HEALTH_PROBE, run
from server_process import ServerProcess
from triton_client import Triton

SERVING, BAD_ARGUMENTS, NO_CONNECTION, FAILED, NOT_SERVING = range(5)
SERVICES = [
    "",
    "inference.GRPCInferenceService",
    "attention.v1.AttentionService",
]


def probe(address: str, service: str = "") -> int:
    flags = [f"-addr={address}", "-connect-timeout=10s", "-rpc-timeout=10s"]
    return run(HEALTH_PROBE, *flags, f"-service={service}").returncode


@pytest.mark.parametrize("service", SERVICES)
def test_0_while_it_serves(server: ServerProcess, service: str) -> None:
    assert probe(server.grpc, service) == SERVING


def test_1_without_an_address() -> None:
    assert run(HEALTH_PROBE).returncode == BAD_ARGUMENTS


def test_2_when_nobody_listens() -> None:
    with ServerProcess() as server:
        address = server.grpc
    flags = [f"-addr={address}", "-connect-timeout=300ms"]
    assert run(HEALTH_PROBE, *flags).returncode == NO_CONNECTION


def test_3_for_a_service_that_is_not_there(server: ServerProcess) -> None:
    assert probe(server.grpc, "no.such.Service") == FAILED


@pytest.mark.parametrize("service", SERVICES)
def test_4_once_it_was_told_to_stop(service: str) -> None:
    with ServerProcess("--drain-delay-seconds=60") as server:
        server.terminate()
        with Triton("http", server) as triton:
            while triton.client.is_server_ready():
                pass
            assert triton.client.is_server_live()
        assert probe(server.grpc, service) == NOT_SERVING
        # The second signal does not wait.
        server.terminate()
        assert server.wait() == 128 + 15
