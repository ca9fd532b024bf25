"""Measures Attention Server beside its peers, or shows what was measured."""

from __future__ import annotations

import argparse
import datetime
import json
import sys

from . import arguments, picture, roster, table
from .cases import CASES, MODES
from .child import PeerError
from .results import Results
from .roster import OURS

# The status after --before-build when the arguments are right.
MEASURING_IS_LEFT = 3


def measure(options: argparse.Namespace) -> tuple[Results, str]:
    """What was measured, and why it ended early if it did."""
    # It needs what is installed for measuring.
    from .contest import Contest

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
    try:
        Contest(options, results).measure()
    except PeerError as error:
        return results, str(error)
    if not results.rows:
        return results, "nothing of what was asked for can be measured here"
    return results, "" if results.complete else "see what failed above"


def show_earlier(options: argparse.Namespace) -> Results:
    try:
        results = Results.from_json(json.loads(options.source.read_text()))
    except (OSError, ValueError) as error:
        sys.exit(
            f"peers: {options.source} is not what --json writes now: {error}"
        )
    cases = {case.name: case for case in CASES}
    names = [OURS, *options.peers]
    results.rows = [
        row
        for row in results.rows
        if row.threads in options.threads
        and row.mode in options.modes
        and row.case in options.shapes
    ]
    for row in results.rows:
        row.entries = {
            name: entry for name, entry in row.entries.items() if name in names
        }
        row.failures = {
            name: reason
            for name, reason in row.failures.items()
            if name in names
        }
    for threads in options.threads:
        for mode in MODES:
            rows = [
                row
                for row in results.rows
                if (row.threads, row.mode) == (threads, mode.name)
            ]
            if rows:
                show = table.Shown(options.peers, mode)
                table.print_heading(threads, mode, show.columns)
                for row in rows:
                    show.row(row, cases[row.case])
    return results


def main() -> None:
    options = arguments.parse()
    failure = ""
    if options.source:
        results = show_earlier(options)
    elif options.before_build:
        sys.exit(MEASURING_IS_LEFT)
    else:
        results, failure = measure(options)
    if results.rows:
        table.print_end(results)
    try:
        if options.json:
            options.json.write_text(json.dumps(results.to_json(), indent=1))
        if options.svg:
            options.svg.write_text(picture.draw(results), encoding="utf-8")
    except OSError as error:
        sys.exit(f"peers: {error}")
    if failure:
        sys.exit(f"peers: {failure}")


if __name__ == "__main__":
    main()
