"""Turn by turn: everybody runs the same case in the same few seconds."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Protocol

from . import workload
from .cases import Case, Mode
from .child import Child, PeerError, wait_until_asleep
from .reference import Reference
from .results import Entry, Row
from .roster import OURS


@dataclass
class Loaded:
    """What a program said of a case, and how far its answer was off."""

    error: float
    operator: str | None


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
        path = self._folder / "answer.safetensors"
        child.ask("write", path=path)
        error = self.file_error(case, path)
        path.unlink()
        return error

    def file_error(self, case: Case, path: Path) -> float:
        """Of the tensors in a file."""
        if case.name not in self._references:
            model, inputs = self.paths(case)
            self._references[case.name] = Reference(
                workload.read(str(model), str(inputs)), case.causal
            )
        return self._references[case.name].error(path)


class HasCpu(Protocol):
    """Something measured."""

    def cpu_seconds(self) -> float:
        """What it has used so far."""


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

    def watch(self, children: Sequence[HasCpu]) -> BusyElsewhere:
        self._children = children
        return self

    def _others(self) -> float:
        return self._machine_seconds() - sum(
            child.cpu_seconds() for child in self._children
        )

    def __enter__(self) -> None:
        self._start = time.monotonic(), self._others()

    def __exit__(self, failure: object, *_: object) -> None:
        if failure is not None:
            return
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

    `ours` measures the peak: PeerError is raised when it fails, while another
    one's failure is in the row.
    """
    # Where Attention Server does not take part it may not know the type.
    peak_dtype = mode.dtype if OURS in children else "f32"
    failures: dict[str, str] = {}
    loaded: dict[str, Loaded] = {}
    for name, child in children.items():
        with _failing_alone(failures, children, ours):
            child.start()
            # Peers know their number of threads since they started.
            more = {"threads": threads} if child is ours else {}
            loaded[name] = _load(case, mode, child, files, seconds, **more)
    turns: dict[str, list[Turn]] = {name: [] for name in loaded}
    names = list(loaded)
    for first in range(rounds):
        # Each is the first, and comes after another one, as often.
        start = first % max(1, len(names))
        for name in names[start:] + names[:start]:
            if name in failures:
                continue
            fit = [c for n, c in children.items() if n not in failures]
            everybody = fit if ours in fit else [ours, *fit]
            with _failing_alone(failures, children, ours):
                wait_until_asleep(everybody)
                with busy.watch(everybody):
                    peak = ours.ask(
                        "peak", threads=threads, dtype=peak_dtype
                    )["gflops"]
                    runs = children[name].ask("run", seconds=seconds)
                run = median(runs["seconds"])
                turns[name].append(Turn(run, case.flops / run / 1e9, peak))
    for name in failures:
        turns.pop(name, None)
    row = _row(case, mode, threads, turns, loaded)
    row.failures = failures
    return row


@contextlib.contextmanager
def _failing_alone(
    failures: dict[str, str], children: dict[str, Child], ours: Child
) -> Iterator[None]:
    """Ends a peer that fails, and notes why."""
    try:
        yield
    except PeerError as error:
        if error.child is ours:
            raise
        for name, child in children.items():
            if child is error.child:
                failures[name] = str(error)
        error.child.close()


def _load(
    case: Case,
    mode: Mode,
    child: Child,
    files: Files,
    seconds: float,
    **more: int,
) -> Loaded:
    """Checks its first answer as well."""
    model, inputs = files.paths(case)
    request = {
        "model": model,
        "inputs": inputs,
        "attn_weights": mode.attn_weights,
        "causal": int(case.causal),
        "dtype": mode.dtype,
        **more,
    }
    answer = child.ask("load", **request)
    child.ask("run", seconds=min(seconds, 0.2))
    error = files.error(case, child)
    if not error <= mode.tolerance:
        raise PeerError(
            f"{child.label}: {case.name}, {mode.title}: the answer is off by "
            f"{error:.1e}, allowed is {mode.tolerance:.0e}",
            child,
        )
    return Loaded(error, answer.get("operator"))


def _row(
    case: Case,
    mode: Mode,
    threads: int,
    turns: dict[str, list[Turn]],
    loaded: dict[str, Loaded],
) -> Row:
    peaks = [turn.peak for taken in turns.values() for turn in taken]
    row = Row(
        case.name,
        case.title,
        mode.name,
        threads,
        case.flops,
        case.tokens,
        median(peaks) if peaks else 0,
    )
    for name, taken in turns.items():
        seconds = median(turn.seconds for turn in taken)
        row.entries[name] = Entry(
            seconds,
            median(turn.gflops for turn in taken),
            median(100 * turn.gflops / turn.peak for turn in taken),
            case.tokens / seconds,
            loaded[name].error,
            loaded[name].operator,
        )
        if OURS in turns and name != OURS:
            row.entries[name].ratio = median(
                peer.seconds / own.seconds
                for own, peer in zip(turns[OURS], taken)
            )
    return row
