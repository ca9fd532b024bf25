"""Turn by turn: everybody runs the same case in the same few seconds."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from . import workload
from .cases import Case, Mode
from .child import Child, PeerError, wait_until_asleep
from .reference import Reference
from .results import Entry, Row
from .roster import OURS


@dataclass
class Turn:
    """One program's turn in a round."""

    seconds: float
    gflops: float
    peak: float


class Files:
    """The tensors of each case and what must come of them, made once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._references: dict[str, Reference] = {}

    def paths(self, case: Case) -> tuple[Path, Path]:
        model = self._folder / f"{case.name}.model.safetensors"
        inputs = self._folder / f"{case.name}.inputs.safetensors"
        if not model.exists():
            workload.write(case, model, inputs)
        return model, inputs

    def error(self, case: Case, child: Child) -> float:
        """Of the child's last run."""
        if case.name not in self._references:
            model, inputs = self.paths(case)
            self._references[case.name] = Reference(
                workload.read(str(model), str(inputs)), case.causal
            )
        path = self._folder / "answer.safetensors"
        child.ask("write", path=path)
        error = self._references[case.name].error(path)
        path.unlink()
        return error


class BusyElsewhere:
    """Cores that programs other than the measured ones use."""

    def __init__(self) -> None:
        self._used = 0.0
        self._elapsed = 0.0

    @staticmethod
    def _machine_seconds() -> float:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        # All but idle and waiting for a disk; guests are counted in user.
        busy = sum(int(x) for i, x in enumerate(fields[:8]) if i not in (3, 4))
        return busy / os.sysconf("SC_CLK_TCK")

    def watch(self, children: list[Child]) -> BusyElsewhere:
        self._children = children
        return self

    def _others(self) -> float:
        return self._machine_seconds() - sum(
            child.cpu_seconds() for child in self._children
        )

    def __enter__(self) -> None:
        self._start = time.monotonic(), self._others()

    def __exit__(self, *_: object) -> None:
        begin, used = self._start
        self._elapsed += time.monotonic() - begin
        self._used += self._others() - used

    @property
    def cores(self) -> float:
        return max(0.0, self._used / self._elapsed) if self._elapsed else 0.0


def measure(
    case: Case,
    mode: Mode,
    children: dict[str, Child],
    ours: Child,
    files: Files,
    busy: BusyElsewhere,
    *,
    threads: int,
    rounds: int,
    seconds: float,
) -> Row:
    """`children` take part, Attention Server too if it is among them.

    `ours` measures the peak.
    """
    errors = {}
    model, inputs = files.paths(case)
    for name, child in children.items():
        request = {
            "model": model,
            "inputs": inputs,
            "attn_weights": mode.attn_weights,
            "causal": int(case.causal),
            "dtype": mode.dtype,
        }
        if name == OURS:
            request["threads"] = threads
        child.ask("load", **request)
        child.ask("run", seconds=min(seconds, 0.2))
        errors[name] = files.error(case, child)
        if not errors[name] <= mode.tolerance:
            raise PeerError(
                f"{name}: {case.name}, {mode.title}: the answer is off by "
                f"{errors[name]:.1e}, allowed is {mode.tolerance:.0e}"
            )
    turns: dict[str, list[Turn]] = {name: [] for name in children}
    everybody = list({id(c): c for c in [ours, *children.values()]}.values())
    for _ in range(rounds):
        for name, child in children.items():
            wait_until_asleep(everybody)
            with busy.watch(everybody):
                peak = ours.ask("peak", threads=threads)["gflops"]
                runs = child.ask("run", seconds=seconds)["seconds"]
            run = median(runs)
            turns[name].append(Turn(run, case.flops / run / 1e9, peak))
    return _row(case, mode, threads, turns, errors)


def _row(
    case: Case,
    mode: Mode,
    threads: int,
    turns: dict[str, list[Turn]],
    errors: dict[str, float],
) -> Row:
    peaks = [turn.peak for taken in turns.values() for turn in taken]
    row = Row(
        case.name,
        case.title,
        mode.name,
        threads,
        case.flops,
        case.tokens,
        median(peaks),
    )
    for name, taken in turns.items():
        seconds = median(turn.seconds for turn in taken)
        row.entries[name] = Entry(
            seconds,
            median(turn.gflops for turn in taken),
            median(100 * turn.gflops / turn.peak for turn in taken),
            case.tokens / seconds,
            errors[name],
        )
        if OURS in turns and name != OURS:
            row.entries[name].ratio = median(
                peer.seconds / own.seconds
                for own, peer in zip(turns[OURS], taken)
            )
    return row
