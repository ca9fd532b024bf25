"""What was measured, and its form as JSON.

{"schema": 1, "date": "2026-11-22", "cpu": "...", "cores": 2,
 "versions": {"triton": "2.51.0", "onnxruntime": "1.32.0"},
 "rounds": 5, "seconds": 6,
 "busy_elsewhere": cores that other programs used meanwhile,
 "rows": [{
   "load": "b1-c4", "title": "...",
   "ours", "triton": {
     "setup": the fastest of its ways and setups,
     "sequences_per_second", "tokens_per_second", "p50", "p99", "mean": of a
     request, "queue", "compute": what the server says of it; seconds, medians
     over the rounds,
     "error": largest, relative to the largest magnitude, against double
     precision,
     "tried": {SETUP: sequences a second in the turn that chose}},
   "engine_sequences_per_second": this project's engine without a server,
   "throughput_ratio", "p99_ratio": ours to Triton's of a round,
   "engine_share": ours to the engine's of a round; each {"median", "least",
     "most"} over the rounds,
   "own_client": {"tokens_per_second", "p50", "p99", "engine_share",
     "added_p50"}: the same with attention-load in perf_analyzer's place,
   "added_p50": the median latency less the engine's, "added_mean": the mean
     latency less the mean computation that the server reports; seconds,
     medians over the rounds, with one client,
   "bars": {NAME: {"bar": B, "met": true or false}}}]}
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median

from . import loads
from .feeds import Feed
from .load_client import OwnTurn
from .loads import Load
from .perf_analyzer import Measured

SCHEMA = 1


@dataclass(frozen=True)
class Chosen:
    """How a server is asked, and how far its answer was off."""

    setup: str
    feed: Feed
    error: float
    # Sequences a second with this and the other setups, each in one short turn.
    tried: dict[str, float]


@dataclass(frozen=True)
class EngineTurn:
    """This project's engine without a server around it."""

    sequences_per_second: float
    # Seconds of a request.
    p50: float


@dataclass(frozen=True)
class Round:
    """Everybody's turn."""

    ours: Measured
    triton: Measured
    own: OwnTurn
    engine: EngineTurn


@dataclass(frozen=True)
class Spread:
    """Of the rounds."""

    median: float
    least: float
    most: float

    @staticmethod
    def of(values: list[float]) -> Spread:
        return Spread(median(values), min(values), max(values))


@dataclass(frozen=True)
class Bar:
    """What is expected, and whether it is so."""

    bar: float
    met: bool


@dataclass(frozen=True)
class Entry:
    """How one server did."""

    setup: str
    sequences_per_second: float
    tokens_per_second: float
    p50: float
    p99: float
    mean: float
    queue: float
    compute: float
    error: float
    tried: dict[str, float]

    @staticmethod
    def of(load: Load, chosen: Chosen, turns: list[Measured]) -> Entry:
        def middle(name: str) -> float:
            return median(getattr(turn, name) for turn in turns)

        sequences = middle("sequences_per_second")
        return Entry(
            setup=chosen.setup,
            sequences_per_second=sequences,
            tokens_per_second=sequences * load.tokens_a_sequence,
            p50=middle("p50"),
            p99=middle("p99"),
            mean=middle("mean"),
            queue=middle("queue"),
            compute=middle("compute"),
            error=chosen.error,
            tried=chosen.tried,
        )


@dataclass(frozen=True)
class OwnClient:
    """How this server did with attention-load."""

    tokens_per_second: float
    p50: float
    p99: float
    engine_share: Spread
    added_p50: float | None

    @staticmethod
    def of(load: Load, rounds: list[Round]) -> OwnClient:
        return OwnClient(
            median(turn.own.tokens_per_second for turn in rounds),
            median(turn.own.p50 for turn in rounds),
            median(turn.own.p99 for turn in rounds),
            Spread.of(
                [
                    turn.own.tokens_per_second
                    / turn.engine.sequences_per_second
                    / load.tokens_a_sequence
                    for turn in rounds
                ]
            ),
            median(turn.own.p50 - turn.engine.p50 for turn in rounds)
            if load.clients == 1
            else None,
        )


@dataclass(frozen=True)
class Row:
    """Both servers at one load."""

    load: str
    title: str
    ours: Entry
    triton: Entry
    engine_sequences_per_second: float
    throughput_ratio: Spread
    p99_ratio: Spread
    engine_share: Spread
    own_client: OwnClient
    added_p50: float | None
    added_mean: float | None
    bars: dict[str, Bar]

    @staticmethod
    def of(
        load: Load,
        rounds: list[Round],
        ours: Chosen,
        triton: Chosen,
    ) -> Row:
        ratio = Spread.of(
            [
                turn.ours.sequences_per_second
                / turn.triton.sequences_per_second
                for turn in rounds
            ]
        )
        tail = Spread.of([turn.ours.p99 / turn.triton.p99 for turn in rounds])
        share = Spread.of(
            [
                turn.ours.sequences_per_second
                / turn.engine.sequences_per_second
                for turn in rounds
            ]
        )
        bars = {
            "throughput": Bar(
                load.throughput_bar, ratio.median >= load.throughput_bar
            ),
            "p99": Bar(loads.P99_BAR, tail.median <= loads.P99_BAR),
            "engine": Bar(loads.ENGINE_BAR, share.median >= loads.ENGINE_BAR),
        }
        added_p50 = added_mean = None
        # With more clients requests wait for each other.
        if load.clients == 1:
            added_p50 = median(t.ours.p50 - t.engine.p50 for t in rounds)
            added_mean = median(t.ours.mean - t.ours.compute for t in rounds)
            bars["added"] = Bar(loads.ADDED_BAR, added_p50 <= loads.ADDED_BAR)
        return Row(
            load.name,
            load.title,
            Entry.of(load, ours, [turn.ours for turn in rounds]),
            Entry.of(load, triton, [turn.triton for turn in rounds]),
            median(turn.engine.sequences_per_second for turn in rounds),
            ratio,
            tail,
            share,
            OwnClient.of(load, rounds),
            added_p50,
            added_mean,
            bars,
        )


@dataclass
class Results:
    """A whole run."""

    date: str
    cpu: str
    cores: int
    versions: dict[str, str]
    rounds: int
    seconds: float
    busy_elsewhere: float = 0
    rows: list[Row] = field(default_factory=list)
    schema: int = SCHEMA

    def to_json(self) -> dict:
        return asdict(self)
