"""Everybody at all chosen cases, in all chosen modes and numbers of threads."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import roster, table
from .cases import CASES, MODES, Mode
from .child import Child, PeerError
from .measure import BusyElsewhere, Files, measure
from .results import Results
from .roster import OURS, PEERS


@contextlib.contextmanager
def _started(
    options: argparse.Namespace,
    results: Results,
    cpus: list[int],
    threads: int,
) -> Iterator[dict[str, Child]]:
    """Attention Server and those of the chosen peers that start."""
    children = {
        OURS: roster.our_process(
            options.runner, cpus, threads, options.max_isa
        )
    }
    for peer in PEERS:
        if peer.name in options.peers:
            children[peer.name] = roster.process(
                peer, cpus, threads, options.max_isa
            )
    with contextlib.ExitStack() as stack:
        for name, child in list(children.items()):
            stack.callback(child.close)
            try:
                child.start()
                info = child.ask("info")
            except PeerError as error:
                if name == OURS:
                    raise
                table.say_failure(error)
                results.failures[name] = str(error)
                del children[name]
                continue
            results.versions[name] = info.get("version")
            if name == OURS:
                results.cpu, results.isa = info["cpu"], info["isa"]
        yield children


class Contest:
    """Fills `results`, which hold what there is when measure() raises."""

    def __init__(self, options: argparse.Namespace, results: Results) -> None:
        self._options = options
        self._results = results
        self._busy = BusyElsewhere()

    def measure(self) -> None:
        """Raises PeerError when Attention Server fails.

        A peer's failures are in the results.
        """
        cores = roster.distinct_cores()
        with tempfile.TemporaryDirectory(prefix="peers-") as folder:
            files = Files(Path(folder))
            for threads in self._options.threads:
                if threads > len(cores):
                    table.say(
                        f"{threads} threads: there are {len(cores)} cores"
                    )
                    continue
                with _started(
                    self._options, self._results, cores[:threads], threads
                ) as children:
                    for mode in MODES:
                        if mode.name in self._options.modes:
                            self._measure_mode(children, files, threads, mode)

    def _measure_mode(
        self,
        children: dict[str, Child],
        files: Files,
        threads: int,
        mode: Mode,
    ) -> None:
        options = self._options
        ours_too = mode.dtype in children[OURS].ask("info")["dtypes"]
        show = table.Shown(options.peers, mode)
        table.print_heading(threads, mode, show.columns)
        if not ours_too:
            table.say(f"Attention Server does not compute in {mode.dtype}")
        for case in CASES:
            taking = {
                name: child
                for name, child in children.items()
                if (ours_too if name == OURS else show.takes(name, case))
            }
            if (
                case.name not in options.shapes
                or not taking
                or (mode.attn_weights != "none" and case.contexts_only)
            ):
                continue
            row = measure(
                case,
                mode,
                taking,
                children[OURS],
                files,
                self._busy,
                threads=threads,
                rounds=options.rounds,
                seconds=options.seconds,
            )
            self._results.rows.append(row)
            self._results.busy_elsewhere = self._busy.cores
            show.row(row, case)
