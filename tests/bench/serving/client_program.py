"""A client program that is measured: run on the servers' CPUs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class ClientProgram:
    """Not thread-safe: its files in `folder` are used again and again."""

    def __init__(self, program: Path, folder: Path, cpus: list[int]) -> None:
        self._program = program
        self._cpus = cpus
        self.folder = folder

    def run(self, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        """To its end; `stdout` is all that it printed."""
        return subprocess.run(
            [str(self._program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            preexec_fn=lambda: os.sched_setaffinity(0, self._cpus),
        )
