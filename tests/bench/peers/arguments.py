"""What `./dev bench peers` may be told; imports nothing that is installed."""

from __future__ import annotations

import argparse
import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from .cases import CASES, MODES, QUICK
from .roster import PEERS

Refusal = argparse.ArgumentTypeError


def _names(allowed: list[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in allowed:
                raise Refusal(f"{name} is not among {', '.join(allowed)}")
        return names

    return parse


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise Refusal(f"'{text}' is not a positive whole number")
    return int(text)


def _counts(text: str) -> list[int]:
    return [_count(word) for word in text.split(",")]


def _duration(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < math.inf:
        raise Refusal(f"'{text}' is not a positive number")
    return seconds


def _program(text: str) -> Path:
    path = Path(text)
    if not path.is_file() or not os.access(path, os.X_OK):
        raise Refusal(f"{path} is not a program")
    return path.resolve()


def _earlier(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise Refusal(f"{path} is not a file")
    return path


def _writable(text: str) -> Path:
    path = Path(text)
    if path.is_dir():
        raise Refusal(f"{path} is a folder")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise Refusal(f"{path} cannot be written")
    return path


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"peers: {message}; --help says what there is\n")


def _parser() -> argparse.ArgumentParser:
    cases = [case.name for case in CASES]
    modes = [mode.name for mode in MODES]
    peers = [peer.name for peer in PEERS]
    parser = _Parser(
        prog="./dev bench peers",
        description="Measures Attention Server beside its peers, turn by turn.",
        epilog=f"shapes: {', '.join(cases)}. modes: {', '.join(modes)}. "
        f"peers: {', '.join(peers)}.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--runner", type=_program, help="the binary layer_runner")
    add("--quick", action="store_true", help="some shapes, in two minutes")
    add("--shapes", type=_names(cases), help="names, with commas between; all")
    add("--modes", type=_names(modes), default=modes)
    add("--peers", type=_names(peers), default=peers)
    add(
        "--threads",
        type=_counts,
        default=[1, 2],
        help="numbers, with commas between; 1,2",
    )
    add("--rounds", type=_count, help="how often everybody has a turn; 5")
    add("--seconds", type=_duration, help="a turn lasts at least; 0.5")
    add(
        "--max-isa",
        choices=["any", "avx2"],
        default="any",
        help="limits everybody, as far as they let it",
    )
    add("--json", type=_writable, metavar="FILE", help="writes the results")
    add("--svg", type=_writable, metavar="FILE", help="writes a picture")
    add(
        "--from",
        type=_earlier,
        metavar="FILE",
        dest="source",
        help="measures nothing: shows the results of an earlier --json",
    )
    # Answers what needs neither a build nor libraries; see MEASURING_IS_LEFT.
    add("--before-build", action="store_true", help=argparse.SUPPRESS)
    return parser


def parse() -> argparse.Namespace:
    """Ends the program where the arguments are wrong or ask for help."""
    parser = _parser()
    options = parser.parse_args()
    measures = options.source is None
    if measures and options.runner is None and not options.before_build:
        parser.error("--runner is missing")
    if measures and len(tempfile.gettempdir().split()) != 1:
        parser.error(
            f"temporary files go to '{tempfile.gettempdir()}': set TMPDIR to a "
            "folder without spaces in its path"
        )
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.seconds = options.seconds or (0.1 if options.quick else 0.5)
    options.shapes = options.shapes or (
        QUICK if options.quick else [case.name for case in CASES]
    )
    return options
