"""What both servers are asked for, and what is expected of ours."""

from __future__ import annotations

from dataclasses import dataclass

from peers.cases import CASES, Case

# At most this share of Triton's p99.
P99_BAR = 0.5
# At least this share of what the engine does without a server around it.
ENGINE_BAR = 0.85
# Seconds at the median that the server may add to the computation, where
# nothing waits: with one client.
ADDED_BAR = 0.5e-3

_CASES = {case.name: case for case in CASES}


@dataclass(frozen=True)
class Load:
    """Requests with all sequences of a case, so many in flight at once."""

    name: str
    title: str
    case: Case
    clients: int
    # At least so many times Triton's throughput.
    throughput_bar: float

    @property
    def tokens_a_sequence(self) -> float:
        """On average."""
        return self.case.tokens / len(self.case.q_lengths)


LOADS = (
    Load("b1-c1", "1 x 128  E768, 1 client", _CASES["b1-s128-e768"], 1, 1.8),
    Load("b1-c4", "1 x 128  E768, 4 clients", _CASES["b1-s128-e768"], 4, 1.8),
    Load(
        "b1-c16", "1 x 128  E768, 16 clients", _CASES["b1-s128-e768"], 16, 1.8
    ),
    Load("b8-c2", "8 x 128  E768, 2 clients", _CASES["b8-s128-e768"], 2, 1.5),
    Load("ragged", "32 ragged  E384, 2 clients", _CASES["ragged"], 2, 3.0),
)
