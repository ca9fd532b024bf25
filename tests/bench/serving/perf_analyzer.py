"""NVIDIA's perf_analyzer: sends a feed to a server and says how it went."""

from __future__ import annotations

import base64
import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .client_program import ClientProgram
from .feeds import Feed

# It measures in windows and reports the last three together.
WINDOWS = 3
# Milliseconds; no longer one is tried.
LONGEST_WINDOW = 10_000
# What it says when no request ended in a window, by its count or by Triton's.
TOO_SHORT = ("use a larger time window", "failed to find the requested model")


class PerfAnalyzerError(Exception):
    """It could not measure; says what it printed."""


@dataclass(frozen=True)
class Measured:
    """Times are seconds."""

    sequences_per_second: float
    p50: float
    p99: float
    mean: float
    # What the server says of its own: means.
    queue: float
    compute: float


def _tensor(values: np.ndarray) -> dict:
    return {
        "b64": base64.b64encode(values.tobytes()).decode(),
        "shape": values.shape,
    }


def _measured(path: Path, feed: Feed) -> Measured:
    with path.open() as file:
        (row,) = csv.DictReader(file)

    def seconds(*columns: str) -> float:
        return sum(float(row[column]) for column in columns) / 1e6

    return Measured(
        # An inference of a batch is one of its steps.
        sequences_per_second=float(row["Inferences/Second"])
        * feed.sequences_a_step,
        p50=seconds("p50 latency"),
        p99=seconds("p99 latency"),
        mean=seconds("Avg latency"),
        queue=seconds("Server Queue"),
        compute=seconds("Server Compute Infer"),
    )


class PerfAnalyzer:
    """perf_analyzer, run by `program`."""

    def __init__(self, program: ClientProgram) -> None:
        self._program = program

    def measure(self, address: str, feed: Feed, seconds: float) -> Measured:
        """Longer, where in such a time too few requests end."""
        data = self._program.folder / "data.json"
        steps = [
            {name: _tensor(values) for name, values in step.items()}
            for step in feed.steps
        ]
        data.write_text(json.dumps({"data": steps}))
        report = self._program.folder / "report.csv"
        report.unlink(missing_ok=True)
        command = ["-i", "grpc", "-u", address]
        command += ["-m", feed.model, "-b", str(feed.batch)]
        command += ["--input-data", str(data)]
        command += ["--concurrency-range", str(feed.concurrency)]
        command += [
            f"--request-parameter={name}:{value}:string"
            for name, value in feed.parameters.items()
        ]
        # Every window counts: what is stable is for the rounds to show.
        command += ["-r", str(WINDOWS), "-s", "100000"]
        command += ["-f", str(report), "--verbose-csv"]
        window = round(1000 * seconds / WINDOWS)
        while True:
            done = self._program.run([*command, "-p", str(window)])
            if done.returncode == 0 and report.exists():
                return _measured(report, feed)
            lines = [line for line in done.stdout.splitlines() if line.strip()]
            too_short = any(text in done.stdout for text in TOO_SHORT)
            if not too_short or window > LONGEST_WINDOW:
                raise PerfAnalyzerError(
                    f"perf_analyzer, status {done.returncode}, at {feed.model}"
                    + "".join(f"\n  {line}" for line in lines[-10:])
                )
            window *= 2
