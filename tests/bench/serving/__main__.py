"""Runs the chosen parts of `./dev bench serving`."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import signal
import subprocess
import sys

from . import arguments

# The statuses after --before-build when the arguments are right: what is left
# to do needs the build, or the build, perf_analyzer and Triton.
ENGINE_IS_LEFT = 3
TRITON_IS_LEFT = 4


def measure_engine(options: argparse.Namespace) -> None:
    seconds = 1 if options.quick else options.seconds / 2
    subprocess.run(
        [options.engine_bench, str(seconds), str(options.rounds)],
        env=os.environ | {"ATTENTION_SERVER_BINARY": str(options.server)},
        check=True,
    )


def measure_triton(options: argparse.Namespace) -> str:
    """Why it ended early, if it did."""
    # They need what is installed for measuring.
    from peers.child import PeerError

    from . import contest, table
    from .perf_analyzer import PerfAnalyzerError
    from .results import Results
    from .servers import ServerError

    results = Results(
        date=datetime.date.today().isoformat(),
        cpu="",
        cores=0,
        versions=contest.versions(),
        rounds=options.rounds,
        seconds=options.seconds,
    )
    failure = ""
    try:
        contest.Contest(options, results).measure()
    except (PeerError, PerfAnalyzerError, ServerError) as error:
        failure = str(error)
    if results.rows:
        table.print_end(results)
        if options.json:
            options.json.write_text(json.dumps(results.to_json(), indent=1))
    return failure


def main() -> None:
    options = arguments.parse()
    if options.before_build:
        has_triton = "triton" in options.parts
        sys.exit(TRITON_IS_LEFT if has_triton else ENGINE_IS_LEFT)
    # Servers that stand still are ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("serving: terminated"))
    if "engine" in options.parts:
        measure_engine(options)
    if "triton" in options.parts:
        failure = measure_triton(options)
        if failure:
            sys.exit(f"serving: {failure}")


if __name__ == "__main__":
    main()
