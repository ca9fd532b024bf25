"""What `./dev bench serving` may be told; imports nothing that is installed."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from .loads import LOADS

PARTS = ("engine", "triton")

_DESCRIPTION = """\
Measures what serving costs, turn by turn. The part `engine`: this project's
client and server beside its bare engine, 8 x 128  E768. The part `triton`: this
server beside Triton, both through NVIDIA's perf_analyzer over gRPC, clients and
server on the same two cores; one server stands still while the other one is
measured. Triton computes in ONNX Runtime, set up in the ways of
tests/bench/serving/repository.py, of which each load takes the fastest. A
ragged batch goes to each server packed where it takes that, padded or one by
one, whichever is fastest; one by one, times are those of one sentence. Answers
of both are compared with double precision first. perf_analyzer takes its share
of the cores: what attention-load gets from this server stands beside it.
"""


def _names(allowed: tuple[str, ...]):
    def parse(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in allowed:
                raise argparse.ArgumentTypeError(
                    f"{name} is not among {', '.join(allowed)}"
                )
        return names

    return parse


def _positive(kind):
    def parse(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < 1e9:
            raise argparse.ArgumentTypeError(f"'{text}' is not positive")
        return value

    return parse


def _program(text: str) -> Path:
    path = Path(text)
    if not path.is_file() or not os.access(path, os.X_OK):
        raise argparse.ArgumentTypeError(f"{path} is not a program")
    return path.resolve()


def _writable(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not os.access(
        path if path.exists() else path.parent, os.W_OK
    ):
        raise argparse.ArgumentTypeError(f"{path} cannot be written")
    return path


def parse() -> argparse.Namespace:
    """Ends the program where the arguments are wrong or ask for help."""
    names = tuple(load.name for load in LOADS)
    parser = argparse.ArgumentParser(
        prog="./dev bench serving",
        description=_DESCRIPTION,
        epilog=f"loads: {', '.join(names)}.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--parts",
        type=_names(PARTS),
        default=list(PARTS),
        help=f"{' or '.join(PARTS)}; both",
    )
    add("--quick", action="store_true", help="short turns, in two minutes")
    add(
        "--loads",
        type=_names(names),
        default=list(names),
        help="with Triton, names with commas between; all",
    )
    add("--rounds", type=_positive(int), help="how often both have a turn; 5")
    add("--seconds", type=_positive(float), help="a turn lasts; 6")
    add("--json", type=_writable, metavar="FILE", help="writes the results")
    for program in ("engine-bench", "server", "runner", "perf-analyzer", "load"):
        add(f"--{program}", type=_program, help=argparse.SUPPRESS)
    # Answers what needs neither a build nor libraries; see __main__.py.
    add("--before-build", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (1.5 if options.quick else 6)
    return options
