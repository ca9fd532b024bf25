"""This project's own client, which sends the same load to its server."""

from __future__ import annotations

import json
from dataclasses import dataclass

from .client_program import ClientProgram
from .loads import Load
from .servers import ServerError

WARM_UP_SECONDS = 0.3


@dataclass(frozen=True)
class OwnTurn:
    """Seconds of a request at the percentiles."""

    tokens_per_second: float
    p50: float
    p99: float


class LoadClient:
    """attention-load, run by `program`."""

    def __init__(self, program: ClientProgram) -> None:
        self._program = program

    def measure(self, address: str, load: Load, seconds: float) -> OwnTurn:
        """Over the Open Inference Protocol, as perf_analyzer does it."""
        report = self._program.folder / "own.json"
        report.unlink(missing_ok=True)
        command = ["run", "--target", address]
        command += ["--protocol", "oip", "--workload", self._workload(load)]
        command += ["--concurrency", str(load.clients)]
        command += ["--warm-up", str(WARM_UP_SECONDS)]
        command += ["--duration", str(seconds), "--json", str(report)]
        done = self._program.run(command)
        if done.returncode != 0 or not report.exists():
            lines = done.stdout.splitlines()[-10:]
            raise ServerError(
                f"attention-load, status {done.returncode}, at {load.name}"
                + "".join(f"\n  {line}" for line in lines)
            )
        step = json.loads(report.read_text())["step"]
        latency = step["latency_ms"]["answered"]
        return OwnTurn(
            step["tokens_per_s"], latency["p50"] / 1e3, latency["p99"] / 1e3
        )

    def _workload(self, load: Load) -> str:
        folder = self._program.folder
        lengths = list(load.case.q_lengths)
        (folder / "lengths.txt").write_text("\n".join(map(str, lengths)))
        mix = {
            "model": load.case.name,
            "batch": len(lengths),
            "lengths": {"file": "lengths.txt"},
            "packed": load.case.ragged,
        }
        path = folder / "workload.json"
        path.write_text(json.dumps({"mixes": [mix]}))
        return str(path)
