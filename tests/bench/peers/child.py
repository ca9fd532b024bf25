"""One measured program: a child process that answers commands."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

# What a child may use of a core and still count as asleep.
IDLE_SHARE = 0.02


class PeerError(Exception):
    """A program answered with an error, ended, or cannot be measured."""

    def __init__(self, message: str, child: Child) -> None:
        super().__init__(message)
        self.child = child


class Child:
    """A process bound to some CPUs, one command and one answer at a time."""

    def __init__(
        self,
        label: str,
        command: list[str],
        cpus: list[int],
        environment: dict[str, str],
    ) -> None:
        self.label = label
        self._command = command
        self._cpus = cpus
        self._environment = environment
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        """Does nothing while it runs."""
        if self._process is not None:
            return
        # Nanoseconds: each thread's when last seen, and those of ended ones.
        self._threads: dict[str, int] = {}
        self._ended = 0
        log = tempfile.TemporaryFile("w+")
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | self._environment,
                preexec_fn=lambda: os.sched_setaffinity(0, self._cpus),
            )
        except OSError as error:
            log.close()
            raise PeerError(f"{self.label}: {error}", self) from error
        self._log = log

    def ask(self, command: str, **values: object) -> dict:
        """Sends `command key=value ...`; its answer without errors.

        Values are words: the protocol has no quotes.
        """
        words = [command, *(f"{key}={value}" for key, value in values.items())]
        try:
            self._process.stdin.write(" ".join(words) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise PeerError(
                f"{self.label} ended at '{command}'{self._tail()}", self
            )
        answer = json.loads(line)
        if "error" in answer:
            # Libraries' messages have many lines.
            reason = " ".join(answer["error"].split())
            raise PeerError(f"{self.label}: {command}: {reason}", self)
        return answer

    def _tail(self) -> str:
        status = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().splitlines()[-5:]
        ending = f" by signal {-status}" if status < 0 else ""
        return ending + "".join(f"\n  {line}" for line in lines)

    def cpu_seconds(self) -> float:
        """What all its threads have used so far, to the nanosecond.

        Of a thread that ended, what it had used when last seen.
        """
        process = Path(f"/proc/{self._process.pid}")
        seen = {}
        try:
            for task in (process / "task").iterdir():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    text = (task / "schedstat").read_text()
                    seen[task.name] = int(text.split()[0])
        except (OSError, ValueError, IndexError):
            seen.clear()
        if process.name not in seen:
            if self._process.poll() is not None:
                raise PeerError(f"{self.label} ended{self._tail()}", self)
            raise PeerError(
                f"{process}/schedstat cannot be read, so nobody knows when "
                f"{self.label} is idle: measure on Linux with "
                "CONFIG_SCHED_INFO, outside of sandboxes that hide it",
                self,
            )
        for thread, used in self._threads.items():
            # Less than before is another thread with an ended one's number.
            if seen.get(thread, -1) < used:
                self._ended += used
        self._threads = seen
        return (self._ended + sum(seen.values())) / 1e9

    def close(self) -> None:
        """Ends it; start() starts it anew."""
        if self._process is None:
            return
        # What an ended process did not read is still to be flushed.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()
        self._process = None


def wait_until_asleep(children: list[Child], limit: float = 2) -> None:
    """Lets pools that spin for a while after their work fall asleep."""
    end = time.monotonic() + limit
    while True:
        before = [child.cpu_seconds() for child in children]
        start = time.monotonic()
        time.sleep(0.005)
        used = [
            child.cpu_seconds() - earlier
            for child, earlier in zip(children, before)
        ]
        now = time.monotonic()
        if sum(used) < IDLE_SHARE * (now - start):
            return
        if now > end:
            most = max(used)
            busiest = children[used.index(most)]
            raise PeerError(
                f"{busiest.label}, idle, still uses {most / (now - start):.2f} "
                f"cores after {limit} s: the next one cannot be measured",
                busiest,
            )
