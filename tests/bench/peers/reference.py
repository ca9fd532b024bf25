"""What the answers must be, in double precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from .workload import Workload

# Rows of a batch that are compared; every peer computes a row like any other.
MAX_ROWS = 256


class Reference:
    """Contexts and attention weights of some rows of a workload."""

    def __init__(self, workload: Workload, causal: bool) -> None:
        self._workload = workload
        self._causal = causal
        tokens = len(workload.queries)
        # From the first row to the last, evenly.
        self._rows = np.unique(
            np.linspace(0, tokens - 1, min(tokens, MAX_ROWS)).astype(int)
        )
        self._contexts: list[np.ndarray] = []
        # By row [heads, keys], and where it starts in the packed tensor.
        self._weights: list[tuple[int, int, np.ndarray]] = []
        self._compute()

    def _compute(self) -> None:
        work = self._workload
        q_weight, k_weight, v_weight = np.split(
            work.in_proj_weight.astype(np.float64), 3
        )
        q_bias, k_bias, v_bias = np.split(work.in_proj_bias, 3)
        keys = work.queries if work.keys is None else work.keys
        query_start = key_start = weight_start = 0
        for queries, length in zip(work.q_lengths, work.kv_lengths):
            chosen = self._rows[
                (self._rows >= query_start)
                & (self._rows < query_start + queries)
            ]
            rows = keys[key_start : key_start + length]
            self._attend(
                chosen - query_start,
                work.queries[chosen] @ q_weight.T + q_bias,
                rows @ k_weight.T + k_bias,
                rows @ v_weight.T + v_bias,
                weight_start,
                queries,
            )
            query_start += queries
            key_start += length
            weight_start += work.num_heads * queries * length

    def _attend(
        self,
        positions: np.ndarray,
        q: np.ndarray,
        k: np.ndarray,
        v: np.ndarray,
        weight_start: int,
        queries: int,
    ) -> None:
        """Rows `positions` of one sequence."""
        heads, width = self._workload.num_heads, self._workload.head_dim
        q, k, v = (
            x.reshape(-1, heads, width).transpose(1, 0, 2) for x in (q, k, v)
        )
        scores = q @ k.transpose(0, 2, 1) / width**0.5
        if self._causal:
            hidden = np.arange(k.shape[1]) > positions[:, None]
            scores[:, hidden] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        contexts = (weights @ v).transpose(1, 0, 2).reshape(len(positions), -1)
        self._contexts.append(
            contexts @ self._workload.out_proj_weight.astype(np.float64).T
            + self._workload.out_proj_bias
        )
        keys = k.shape[1]
        for i, position in enumerate(positions):
            self._weights.append(
                (weight_start + position * keys, queries * keys, weights[:, i])
            )

    def error(self, path: Path) -> float:
        """The largest error in a file that a peer wrote.

        Relative to the largest magnitude of the tensor.
        """
        answer = load_file(path)
        expected = np.concatenate(self._contexts)
        errors = [
            np.abs(answer["contexts"][self._rows] - expected).max()
            / np.abs(expected).max()
        ]
        if "attn_weights" in answer:
            errors.append(self._weights_error(answer["attn_weights"]))
        # A NaN is an error without limit.
        return float(np.nan_to_num(max(errors, key=_nan_last), nan=np.inf))

    def _weights_error(self, flat: np.ndarray) -> float:
        heads = np.arange(self._workload.num_heads)[:, None]
        worst, largest = 0.0, 0.0
        for start, head_stride, expected in self._weights:
            keys = np.arange(expected.shape[1])
            answer = flat[start + heads * head_stride + keys]
            worst = np.maximum(worst, np.abs(answer - expected).max())
            largest = max(largest, expected.max())
        return worst / largest


def _nan_last(value: float) -> float:
    return np.inf if np.isnan(value) else value
