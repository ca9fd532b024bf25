"""A measured server, which stands still while another one is measured."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

START_SECONDS = 120
STOP_SECONDS = 20


class ServerError(Exception):
    """A server did not start, or ended."""


class Server:
    """A server and its children, a process group bound to some CPUs."""

    def __init__(
        self,
        label: str,
        command: list[str],
        cpus: list[int],
        environment: dict[str, str],
    ) -> None:
        self.label = label
        self.address = ""
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env=os.environ | environment,
            process_group=0,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus),
        )

    def check(self) -> None:
        """Raises ServerError once it has ended."""
        status = self._process.poll()
        if status is None:
            return
        self._log.seek(0)
        lines = self._log.read().splitlines()[-20:]
        raise ServerError(
            f"{self.label} ended with status {status}"
            + "".join(f"\n  {line}" for line in lines)
        )

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    @contextlib.contextmanager
    def awake(self) -> Iterator[None]:
        """It runs inside, and stands still outside."""
        self.check()
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self._signal(signal.SIGSTOP)

    def cpu_seconds(self) -> float:
        """What its processes have used so far."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                # The name, in parentheses, may hold anything.
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self._process.pid:
                    # Its own, and those of children that have ended.
                    ticks += sum(int(field) for field in fields[11:15])
        return ticks / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        # Whatever of the group is left.
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._log.close()


def wait(server: Server, is_ready: Callable[[], bool]) -> None:
    """Raises ServerError for one that ends instead, or never is."""
    end = time.monotonic() + START_SECONDS
    while not is_ready():
        server.check()
        if time.monotonic() > end:
            raise ServerError(
                f"{server.label} is not ready after {START_SECONDS} s"
            )
        time.sleep(0.1)


@contextlib.contextmanager
def ours(
    binary: Path, models: dict[str, Path], folder: Path, cpus: list[int]
) -> Iterator[Server]:
    """`models` by name, state dicts of torch.nn.MultiheadAttention."""
    ports = folder / "ports"
    command = [str(binary), "--host=127.0.0.1", "--grpc-port=0"]
    command += ["--http-port=-1", "--metrics-port=-1", f"--port-file={ports}"]
    command += [f"--workers={len(cpus)}"]
    command += [f"--model={name}={path}" for name, path in models.items()]
    server = Server("Attention Server", command, cpus, {})
    with contextlib.closing(server):
        wait(
            server, lambda: ports.exists() and "grpc_port" in ports.read_text()
        )
        lines = dict(line.split("=") for line in ports.read_text().split())
        server.address = f"127.0.0.1:{lines['grpc_port']}"
        yield server
