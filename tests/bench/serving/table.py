"""The table that a person reads while it is measured."""

from __future__ import annotations

from peers.table import MUCH_ELSEWHERE, bold, dim, say

from .results import Bar, Entry, Results, Row, Spread

TITLE = 28


def print_heading(results: Results) -> None:
    say(bold(f"Beside Triton, server and client on {results.cores} cores, f32"))
    say(
        dim(
            f"{'':{TITLE}}{'':18}{'sequences/s':>12}{'tokens/s':>10}"
            f"{'p50 ms':>9}{'p99 ms':>9}"
        )
    )


def _entry(title: str, name: str, entry: Entry) -> None:
    say(
        bold(f"{title:{TITLE}}")
        + f"{name:18}{entry.sequences_per_second:12,.1f}"
        f"{entry.tokens_per_second:10,.0f}{entry.p50 * 1e3:9.2f}"
        f"{entry.p99 * 1e3:9.2f}" + dim(entry.setup and f"  {entry.setup}")
    )


def _tried(entry: Entry) -> None:
    if len(entry.tried) < 2:
        return
    ways = [f"{title} {rate:,.0f}" for title, rate in entry.tried.items()]
    say(dim(f"{'':{TITLE}}  chosen of: {'; '.join(ways)}"))


def _verdict(bar: Bar, limit: str) -> str:
    return f"{limit}: {'met' if bar.met else bold('missed')}"


def _ratio(what: str, spread: Spread, verdict: str) -> None:
    say(
        f"{'':{TITLE}}{what:18}{spread.median:11.2f}x"
        f"  of {spread.least:.2f} to {spread.most:.2f}; {verdict}"
    )


def print_row(row: Row) -> None:
    _entry(row.title, "Attention Server", row.ours)
    _tried(row.ours)
    _entry("", "Triton", row.triton)
    _tried(row.triton)
    bars = row.bars
    limit = f"at least {bars['throughput'].bar:g}"
    _ratio(
        "throughput ratio",
        row.throughput_ratio,
        _verdict(bars["throughput"], limit),
    )
    limit = f"at most {bars['p99'].bar:g}"
    _ratio("p99 ratio", row.p99_ratio, _verdict(bars["p99"], limit))
    limit = f"at least {bars['engine'].bar:g}"
    _ratio("share of engine", row.engine_share, _verdict(bars["engine"], limit))
    own = row.own_client
    _ratio(
        "  attention-load",
        own.engine_share,
        f"p50 {own.p50 * 1e3:.2f} ms, p99 {own.p99 * 1e3:.2f} ms",
    )
    if row.added_p50 is not None and row.added_mean is not None:
        limit = f"at most {bars['added'].bar * 1e3:g} ms"
        say(
            f"{'':{TITLE}}{'added latency':18}{row.added_p50 * 1e3:9.2f} ms"
            f"  at p50, {row.added_mean * 1e3:.2f} ms in the mean; "
            + _verdict(bars["added"], limit)
            + f"; with attention-load {own.added_p50 * 1e3:.2f} ms"
        )


def print_end(results: Results) -> None:
    say()
    say(
        f"Medians of {results.rounds} rounds of {results.seconds:g} s a turn, "
        "ratios with their least and most. Share of\nengine: of what this "
        "project's engine does on the same cores without server and\nclient. "
        "Added latency: at p50 less the engine's p50, in the mean less the\n"
        "computation that the server reports. attention-load: with this "
        "project's client in\nperf_analyzer's place, which leaves the server "
        "more of the cores."
    )
    errors = [
        max(row.ours.error for row in results.rows),
        max(row.triton.error for row in results.rows),
    ]
    say(
        "Answers were compared with double precision: Attention Server "
        f"{errors[0]:.1e}, Triton {errors[1]:.1e} off."
    )
    say(f"{results.cpu}; " + ", ".join(map(" ".join, results.versions.items())))
    say(f"Other programs used {results.busy_elsewhere:.2f} cores meanwhile.")
    if results.busy_elsewhere > MUCH_ELSEWHERE:
        say(bold("The machine was too busy: measure again when it is idle."))
