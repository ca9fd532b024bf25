"""attention-server as a process of its own, on free ports."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from golden import ROOT

BINARY = Path(
    os.environ.get("ATTENTION_SERVER_BINARY")
    or ROOT / "build/release/server/attention-server"
)
START_SECONDS = 60
STOP_SECONDS = 60


class ServerProcess:
    """Starts it with the demo model; a context that stops it at its end.

    `grpc`, `http` and `metrics` are HOST:PORT of its three doors.
    """

    def __init__(self, *flags: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="attention-interop-")
        self._log = Path(self._folder.name, "log")
        self._ports = Path(self._folder.name, "ports")
        command = [BINARY, "--demo-model", "--host=127.0.0.1", "--grpc-port=0"]
        command += ["--http-port=0", "--metrics-port=0"]
        command += [f"--port-file={self._ports}", *flags]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stderr=log)
        try:
            self._wait_until_ready()
        except BaseException:
            self._process.kill()
            self.__exit__()
            raise

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while " ready " not in self.log():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{self.log()}")
            time.sleep(0.01)
        lines = self._ports.read_text().splitlines()
        ports = dict(line.split("=") for line in lines)
        self.grpc = f"127.0.0.1:{ports['grpc_port']}"
        self.http = f"127.0.0.1:{ports['http_port']}"
        self.metrics = f"127.0.0.1:{ports['metrics_port']}"

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *exception: object) -> None:
        self.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._folder.cleanup()

    def log(self) -> str:
        return self._log.read_text()

    def terminate(self) -> None:
        """Tells it to drain and stop."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        return self._process.wait(STOP_SECONDS)
