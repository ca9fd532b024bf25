"""ONNX Runtime: the fastest of its fused operators and a graph of plain ones.

Which one that is depends on the shape: MultiHeadAttention alone has flash
attention on a CPU, but neither with masks nor with few keys.
"""

from __future__ import annotations

import time

import numpy as np
import onnxruntime

from .onnx_graph import Graph
from .workload import Workload

# How long each candidate runs before the fastest is chosen.
TRIAL_SECONDS = 0.3
# Plain operators keep all scores in memory, a GiB of them at most.
MAX_PLAIN_SCORES = 1 << 28

_threads = 1


def set_threads(threads: int) -> None:
    global _threads
    _threads = threads


def version() -> str:
    return onnxruntime.__version__


def load(
    variant: str,
    work: Workload,
    *,
    wants_weights: bool,
    causal: bool,
    dtype: str,
) -> OnnxLayer:
    if dtype != "f32":
        raise ValueError(f"ONNX Runtime computes in f32 only, not {dtype}")
    fastest: OnnxLayer | None = None
    best = np.inf
    for operator in _candidates(work, wants_weights):
        layer = OnnxLayer(work, operator, causal, wants_weights)
        seconds = layer.trial()
        if seconds < best:
            fastest, best = layer, seconds
    return fastest


def _candidates(work: Workload, wants_weights: bool) -> list[str]:
    if wants_weights:
        return ["MatMul"]
    names = ["MultiHeadAttention"]
    if work.keys is None:
        names.append("Attention")
    pairs = max(work.q_lengths) * max(work.kv_lengths)
    if work.batch * work.num_heads * pairs <= MAX_PLAIN_SCORES:
        names.append("MatMul")
    return names


class OnnxLayer:
    """A session whose inputs and outputs are bound once."""

    def __init__(
        self,
        work: Workload,
        operator: str,
        causal: bool,
        wants_weights: bool,
    ) -> None:
        self._work = work
        self.operator = operator
        graph = Graph(work, causal)
        graph.attend(operator)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            graph.model(wants_weights),
            options,
            providers=["CPUExecutionProvider"],
        )
        self._binding = self._session.io_binding()
        self._inputs = {"queries": work.padded(work.queries, work.q_lengths)}
        if work.keys is not None:
            self._inputs["keys"] = work.padded(work.keys, work.kv_lengths)
        for name, rows in self._inputs.items():
            self._binding.bind_cpu_input(name, rows)
        self._outputs = {}
        for output in self._session.get_outputs():
            value = onnxruntime.OrtValue.ortvalue_from_numpy(
                np.zeros(output.shape, np.float32)
            )
            self._binding.bind_ortvalue_output(output.name, value)
            self._outputs[output.name] = value

    def run(self) -> None:
        self._session.run_with_iobinding(self._binding)

    def trial(self) -> float:
        """Seconds of the fastest of a few runs."""
        fastest = np.inf
        end = time.perf_counter() + TRIAL_SECONDS
        while (begin := time.perf_counter()) < end:
            self.run()
            fastest = min(fastest, time.perf_counter() - begin)
        return fastest

    def contexts(self) -> np.ndarray:
        return self._work.pack_contexts(self._outputs["contexts"].numpy())

    def attn_weights(self) -> np.ndarray | None:
        if "attn_weights" not in self._outputs:
            return None
        return self._work.pack_weights(self._outputs["attn_weights"].numpy())
