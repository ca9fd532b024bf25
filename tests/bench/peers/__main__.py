"""Measures Attention Server beside its peers, turn by turn."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import picture, roster, table
from .cases import CASES, MODES, QUICK, Case, Mode
from .child import Child, PeerError
from .measure import BusyElsewhere, Files, measure
from .results import Results
from .roster import OURS, PEERS, Peer


def _choice(text: str, allowed: list[str]) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in allowed:
            raise argparse.ArgumentTypeError(
                f"{name} is not among {', '.join(allowed)}"
            )
    return names


def parse_arguments() -> argparse.Namespace:
    cases = [case.name for case in CASES]
    modes = [mode.name for mode in MODES]
    peers = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(
        prog="./dev bench peers",
        description=__doc__,
        epilog=f"shapes: {', '.join(cases)}. modes: {', '.join(modes)}. "
        f"peers: {', '.join(peers)}.",
    )
    add = parser.add_argument
    add("--runner", type=Path, help="the binary layer_runner")
    add("--quick", action="store_true", help="some shapes, in two minutes")
    add(
        "--shapes",
        type=lambda text: _choice(text, cases),
        help="names, with commas between; all",
    )
    add("--modes", type=lambda text: _choice(text, modes), default=modes)
    add("--peers", type=lambda text: _choice(text, peers), default=peers)
    add(
        "--threads",
        type=lambda text: [int(word) for word in text.split(",")],
        default=[1, 2],
        help="numbers, with commas between; 1,2",
    )
    add("--rounds", type=int, help="how often everybody has a turn; 5")
    add("--seconds", type=float, help="how long a turn lasts at least; 0.5")
    add(
        "--max-isa",
        choices=["any", "avx2"],
        default="any",
        help="limits everybody, as far as they let it",
    )
    add("--json", type=Path, metavar="FILE", help="writes the results")
    add("--svg", type=Path, metavar="FILE", help="writes a picture")
    add(
        "--from",
        type=Path,
        metavar="FILE",
        dest="source",
        help="measures nothing: shows the results of an earlier --json",
    )
    options = parser.parse_args()
    if options.source is None and options.runner is None:
        parser.error("--runner is missing")
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.seconds = options.seconds or (0.1 if options.quick else 0.5)
    options.shapes = options.shapes or (QUICK if options.quick else cases)
    return options


@contextlib.contextmanager
def started(
    options: argparse.Namespace, cpus: list[int], threads: int
) -> Iterator[dict[str, Child]]:
    """Attention Server and the chosen peers."""
    with contextlib.ExitStack() as stack:
        ours = roster.start_ours(
            options.runner, cpus, threads, options.max_isa
        )
        stack.callback(ours.close)
        children = {OURS: ours}
        for peer in PEERS:
            if peer.name in options.peers:
                child = roster.start(peer, cpus, threads, options.max_isa)
                stack.callback(child.close)
                children[peer.name] = child
        yield children


def measure_all(options: argparse.Namespace) -> Results:
    cores = roster.distinct_cores()
    results = Results(
        date=datetime.date.today().isoformat(),
        cpu="",
        isa="",
        max_isa=options.max_isa,
        unforced=roster.AVX2_UNFORCED if options.max_isa == "avx2" else {},
        versions={},
        rounds=options.rounds,
        seconds=options.seconds,
    )
    busy = BusyElsewhere()
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        files = Files(Path(folder))
        for threads in options.threads:
            if threads > len(cores):
                table.say(f"{threads} threads: there are {len(cores)} cores")
                continue
            with started(options, cores[:threads], threads) as children:
                _describe(results, children)
                for mode in MODES:
                    if mode.name in options.modes:
                        _measure_mode(
                            options,
                            results,
                            children,
                            files,
                            busy,
                            threads,
                            mode,
                        )
    results.busy_elsewhere = busy.cores
    return results


def _describe(results: Results, children: dict[str, Child]) -> None:
    for name, child in children.items():
        info = child.ask("info")
        results.versions[name] = info.get("version")
        if name == OURS:
            results.cpu, results.isa = info["cpu"], info["isa"]


def _measure_mode(
    options: argparse.Namespace,
    results: Results,
    children: dict[str, Child],
    files: Files,
    busy: BusyElsewhere,
    threads: int,
    mode: Mode,
) -> None:
    ours_too = mode.dtype in children[OURS].ask("info")["dtypes"]
    show = Shown(options.peers, mode)
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
            busy,
            threads=threads,
            rounds=options.rounds,
            seconds=options.seconds,
        )
        results.rows.append(row)
        show.row(row, case)


class Shown:
    """Which of the chosen peers a mode has, and their columns."""

    def __init__(self, names: list[str], mode: Mode) -> None:
        self._mode = mode
        self._peers = {p.name: p for p in PEERS if p.name in names}
        self.columns: list[Peer] = [
            peer
            for peer in self._peers.values()
            if not peer.ragged_only and (peer.bf16 or mode.dtype == "f32")
        ]

    def takes(self, name: str, case: Case) -> bool:
        return self._peers[name].takes(case, self._mode)

    def row(self, row, case: Case) -> None:
        table.print_row(row, self.columns)
        if case.ragged:
            labels = {peer.name: peer.label for peer in PEERS}
            table.print_tokens(row, {OURS: "Attention Server"} | labels)


def show_earlier(options: argparse.Namespace) -> Results:
    results = Results.from_json(json.loads(options.source.read_text()))
    cases = {case.name: case for case in CASES}
    results.rows = [
        row
        for row in results.rows
        if row.threads in options.threads
        and row.mode in options.modes
        and row.case in options.shapes
    ]
    for threads in options.threads:
        for mode in MODES:
            rows = [
                row
                for row in results.rows
                if (row.threads, row.mode) == (threads, mode.name)
            ]
            if rows:
                show = Shown(options.peers, mode)
                table.print_heading(threads, mode, show.columns)
                for row in rows:
                    show.row(row, cases[row.case])
    return results


def main() -> None:
    options = parse_arguments()
    try:
        results = (
            show_earlier(options) if options.source else measure_all(options)
        )
    except PeerError as error:
        sys.exit(f"peers: {error}")
    table.print_end(results)
    if options.json:
        options.json.write_text(json.dumps(results.to_json(), indent=1))
    if options.svg:
        options.svg.write_text(picture.draw(results), encoding="utf-8")


if __name__ == "__main__":
    main()
