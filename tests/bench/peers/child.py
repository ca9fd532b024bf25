"""One measured program: a child process that answers commands."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

# What a child may use of a core and still count as asleep.
IDLE_SHARE = 0.02


class PeerError(Exception):
    """A program answered with an error, or ended."""


class Child:
    """A process bound to some CPUs, one command and one answer at a time."""

    def __init__(
        self,
        label: str,
        command: list[str],
        cpus: list[int],
        environment: dict[str, str],
    ) -> None:
        self._label = label
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=os.environ | environment,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus),
        )

    def ask(self, command: str, **values: object) -> dict:
        """Sends `command key=value ...`; its answer without errors."""
        words = [command, *(f"{key}={value}" for key, value in values.items())]
        try:
            self._process.stdin.write(" ".join(words) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise PeerError(
                f"{self._label} ended at '{command}'{self._tail()}"
            )
        answer = json.loads(line)
        if "error" in answer:
            raise PeerError(f"{self._label}: {command}: {answer['error']}")
        return answer

    def _tail(self) -> str:
        self._process.wait()
        self._log.seek(0)
        lines = self._log.read().splitlines()[-5:]
        return "".join(f"\n  {line}" for line in lines)

    def cpu_seconds(self) -> float:
        """What all its threads have used so far, to the nanosecond."""
        total = 0
        for task in Path(f"/proc/{self._process.pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                pass  # A thread that ended.
        return total / 1e9

    def close(self) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()


def wait_until_asleep(children: list[Child], limit: float = 2) -> None:
    """Lets pools that spin for a while after their work fall asleep."""
    end = time.monotonic() + limit
    while True:
        before = sum(child.cpu_seconds() for child in children)
        start = time.monotonic()
        time.sleep(0.005)
        used = sum(child.cpu_seconds() for child in children) - before
        now = time.monotonic()
        if used < IDLE_SHARE * (now - start):
            return
        if now > end:
            raise PeerError(
                f"idle programs still use {used / (now - start):.2f} cores "
                f"after {limit} s: the next one cannot be measured"
            )
