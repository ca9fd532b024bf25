"""The table that a person reads while it is measured."""

from __future__ import annotations

import os
import sys

from .cases import MODES, Case, Mode
from .results import Entry, Results, Row
from .roster import OURS, PEERS, PROGRAMS, Peer

DTYPES = {mode.name: mode.dtype for mode in MODES}
SHAPE = 24
PEER = 16
# Cores. More than that moves the figures by percents.
MUCH_ELSEWHERE = 0.05


def _style(code: str, text: str) -> str:
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return text
    return f"\033[{code}m{text}\033[0m"


def bold(text: str) -> str:
    return _style("1", text)


def dim(text: str) -> str:
    return _style("2", text)


def say(text: str = "") -> None:
    print(text, flush=True)


def say_failure(reason: object) -> None:
    say(_style("31", f"  {reason}"))


def print_heading(threads: int, mode: Mode, peers: list[Peer]) -> None:
    """`peers` are the columns, those of ragged batches apart."""
    count = "1 thread" if threads == 1 else f"{threads} threads"
    say()
    say(bold(f"{count}, {mode.title}"))
    ours = f"{'FMA peak':>9}{'Attention Server':>26}"
    names = "".join(f"{peer.label:>{PEER}}" for peer in peers)
    say(" " * SHAPE + ours + names)
    units = f"{'GFLOP/s':>9}{'ms':>10}{'GFLOP/s':>9}{'peak':>7}"
    pairs = f"{'speed':>{PEER - 7}}{'peak':>7}" * len(peers)
    say(dim(f"{'':{SHAPE}}{units}{pairs}"))


def _ours(entry: Entry | None) -> str:
    if entry is None:
        return f"{'-':>10}{'-':>9}{'-':>7}"
    return bold(
        f"{entry.seconds * 1e3:10.2f}{entry.gflops:9.1f}"
        f"{entry.peak_percent:5.0f} %"
    )


def _ratio(entry: Entry, width: int) -> str:
    if entry.ratio is None:
        return " " * width
    text = f"{entry.ratio:.2f}x".rjust(width)
    return _style("32" if entry.ratio >= 1 else "31", text)


def _peer(entry: Entry | None) -> str:
    if entry is None:
        return f"{'-':>{PEER}}"
    return _ratio(entry, PEER - 7) + f"{entry.peak_percent:5.0f} %"


def print_row(row: Row, peers: list[Peer]) -> None:
    line = f"{row.title:{SHAPE}}{row.peak_gflops:9.1f}"
    line += _ours(row.entries.get(OURS))
    line += "".join(_peer(row.entries.get(peer.name)) for peer in peers)
    say(line)


def print_tokens(row: Row) -> None:
    """Real tokens a second, for a ragged batch."""
    say(dim("  real tokens/s"))
    for name, entry in row.entries.items():
        label = PROGRAMS[name].label
        line = f"    {label:20}{entry.tokens_per_second:9,.0f}"
        say(line + _ratio(entry, 9))


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

    def row(self, row: Row, case: Case) -> None:
        print_row(row, self.columns)
        for reason in row.failures.values():
            say_failure(reason)
        if case.ragged:
            print_tokens(row)


def limits(results: Results) -> list[str]:
    """Whom the chosen instructions bind, and how far."""
    reaches = {
        PROGRAMS[name].library: reach
        for name, reach in results.unforced.items()
        if any(name in row.entries for row in results.rows)
    }
    return [
        f"limited to {results.max_isa}, {library}: {reach}"
        for library, reach in reaches.items()
    ]


def print_end(results: Results) -> None:
    say()
    say(
        "speed: how many times as fast as that peer Attention Server is; peak: "
        "GFLOP/s as a\nshare of the FMA peak of that type beside it. Padding is "
        "no work done. Medians of "
        f"{results.rounds} rounds of {results.seconds:g} s a turn."
    )
    say(f"{results.cpu}; {results.isa}")
    # Those that share a library once.
    versions = {
        PROGRAMS[name].library: version
        for name, version in results.versions.items()
        if version and name in PROGRAMS
    }
    say(", ".join(" ".join(pair) for pair in versions.items()))
    for line in limits(results):
        say(line)
    errors: dict[str, float] = {}
    for row in results.rows:
        dtype = DTYPES[row.mode]
        for entry in row.entries.values():
            errors[dtype] = max(errors.get(dtype, 0), entry.error)
    if errors:
        most = ", ".join(f"{name} {error:.1e}" for name, error in errors.items())
        say(
            "Everybody's answers were compared with double precision. Furthest "
            f"off: {most}."
        )
    say(f"Other programs used {results.busy_elsewhere:.2f} cores meanwhile.")
    if results.busy_elsewhere > MUCH_ELSEWHERE:
        say(bold("The machine was too busy: measure again when it is idle."))
