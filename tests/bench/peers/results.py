"""What was measured, and its form as JSON.

{"schema": 1,
 "date": "2026-11-22", "cpu": "...", "isa": "...",
 "max_isa": "any" or "avx2",
 "unforced": {PEER: how far max_isa does not reach it},
 "versions": {"attention": null, "torch": "2.15.0", ...},
 "rounds": 5, "seconds": 0.5,
 "busy_elsewhere": cores that other programs used meanwhile,
 "failures": {PEER: why it did not start},
 "rows": [{
   "case": "b8-s128-e768", "title": "8 x 128  E768",
   "mode": "contexts", "weights" or "bf16", "threads": 1,
   "flops": of one run, padding not counted, "tokens": real ones,
   "peak_gflops": median of the f32 FMA peak beside the turns,
   "entries": {"attention" or PEER: {
     "seconds": median over the rounds of each turn's median run,
     "gflops": ..., "peak_percent": medians over the rounds,
     "tokens_per_second": ...,
     "ratio": median over the rounds of how many times as fast as this peer
              Attention Server is; absent where it was not measured,
     "error": largest, relative to the largest magnitude, against double
     precision,
     "operator": which one computed, where a peer chooses, or null}},
   "failures": {PEER: why it has no entry}}]}
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

SCHEMA = 1


@dataclass
class Entry:
    """How one program did."""

    seconds: float
    gflops: float
    peak_percent: float
    tokens_per_second: float
    error: float
    operator: str | None = None
    ratio: float | None = None


@dataclass
class Row:
    """Everybody at one case."""

    case: str
    title: str
    mode: str
    threads: int
    flops: float
    tokens: int
    peak_gflops: float
    entries: dict[str, Entry] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


@dataclass
class Results:
    """A whole run."""

    date: str
    cpu: str
    isa: str
    max_isa: str
    unforced: dict[str, str]
    versions: dict[str, str | None]
    rounds: int
    seconds: float
    busy_elsewhere: float = 0
    rows: list[Row] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    schema: int = SCHEMA

    @property
    def complete(self) -> bool:
        return not (self.failures or any(row.failures for row in self.rows))

    def to_json(self) -> dict:
        return asdict(self)

    @staticmethod
    def from_json(data: dict) -> Results:
        """Raises ValueError where to_json() cannot have made it."""
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise ValueError(f"it has no schema {SCHEMA}")
        try:
            return Results._from_json(data)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error

    @staticmethod
    def _from_json(data: dict) -> Results:
        rows = [
            Row(
                **{
                    **row,
                    "entries": {
                        name: Entry(**entry)
                        for name, entry in row["entries"].items()
                    },
                }
            )
            for row in data["rows"]
        ]
        return Results(**{**data, "rows": rows})
