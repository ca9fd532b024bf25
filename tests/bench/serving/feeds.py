"""Ways to put a load's sequences into requests, and to read the answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from peers.workload import Workload

Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Feed:
    """Requests as perf_analyzer makes them: `batch` steps in each, in turn."""

    title: str
    # As the server calls it.
    model: str
    steps: list[Tensors]
    batch: int
    # Requests in flight.
    concurrency: int
    # The answers to all steps, one an array, to [tokens, embed_dim].
    contexts: Callable[[list[np.ndarray]], np.ndarray]
    parameters: dict[str, str] = field(default_factory=dict)
    # Sequences that perf_analyzer takes for one.
    sequences_a_step: int = 1


def _join(answers: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(
        [rows.reshape(-1, rows.shape[-1]) for rows in answers]
    )


def _sequences(work: Workload) -> list[np.ndarray]:
    ends = np.cumsum(work.q_lengths)
    return np.split(work.queries, ends[:-1])


def _lengths(work: Workload) -> dict[str, str]:
    return {"q_lengths": ",".join(map(str, work.q_lengths))}


def equal(work: Workload, model: str, clients: int) -> Feed:
    """Sequences of one length, all in one request."""
    steps = [{"queries": rows} for rows in _sequences(work)]
    return Feed("", model, steps, work.batch, clients, _join)


def padded(work: Workload, model: str, clients: int) -> Feed:
    """All sequences made as long as the longest, their lengths beside them."""
    rows = work.padded(work.queries, work.q_lengths)
    return Feed(
        "padded",
        model,
        [{"queries": sequence} for sequence in rows],
        work.batch,
        clients,
        lambda answers: work.pack_contexts(np.concatenate(answers)),
        _lengths(work),
    )


def packed(work: Workload, model: str, clients: int) -> Feed:
    """All sequences one after another, their lengths beside them."""
    return Feed(
        "packed",
        model,
        [{"queries": work.queries}],
        1,
        clients,
        _join,
        _lengths(work),
        work.batch,
    )


def padded_for_triton(work: Workload, model: str, clients: int) -> Feed:
    """The same with the lengths as a tensor, [batch, 1]."""
    feed = padded(work, model, clients)
    lengths = np.array(work.q_lengths, np.int32)[:, None]
    steps = [
        step | {"lengths": length} for step, length in zip(feed.steps, lengths)
    ]
    return replace(feed, steps=steps, parameters={})


def one_by_one(work: Workload, model: str, clients: int) -> Feed:
    """Each sequence a request of its own, as many in flight as otherwise."""
    steps = [{"queries": rows} for rows in _sequences(work)]
    in_flight = clients * work.batch
    return Feed("one by one", model, steps, 1, in_flight, _join)
