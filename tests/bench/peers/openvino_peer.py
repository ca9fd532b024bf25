"""OpenVINO: scaled_dot_product_attention, and a graph of plain operators."""

from __future__ import annotations

import numpy as np
import openvino
from openvino import opset13 as ops

from .workload import Workload

_threads = 1


def set_threads(threads: int) -> None:
    global _threads
    _threads = threads


def version() -> str:
    return openvino.get_version()


def load(
    variant: str,
    work: Workload,
    *,
    wants_weights: bool,
    causal: bool,
    dtype: str,
) -> OpenVinoLayer:
    model = _model(work, wants_weights, causal)
    return OpenVinoLayer(work, model, dtype)


def _linear(
    rows: openvino.Node, weight: np.ndarray, bias: np.ndarray
) -> openvino.Node:
    return ops.add(ops.matmul(rows, weight, False, True), bias)


def _heads(rows: openvino.Node, work: Workload) -> openvino.Node:
    split = ops.reshape(rows, [0, -1, work.num_heads, work.head_dim], True)
    return ops.transpose(split, [0, 2, 1, 3])


def _projections(
    work: Workload, queries: openvino.Node, keys: openvino.Node | None
) -> list[openvino.Node]:
    """Queries, keys and values, [batch, heads, length, head_dim]."""
    weight, bias = work.in_proj_weight, work.in_proj_bias
    if keys is None:
        parts = ops.split(_linear(queries, weight, bias), -1, 3).outputs()
    else:
        width = work.embed_dim
        pair = _linear(keys, weight[width:], bias[width:])
        parts = [
            _linear(queries, weight[:width], bias[:width]),
            *ops.split(pair, -1, 2).outputs(),
        ]
    return [_heads(part, work) for part in parts]


def _mask(work: Workload, causal: bool) -> np.ndarray | None:
    """What is added to the scores."""
    if work.ragged:
        padding = work.key_padding()[:, None, None]
    elif causal:
        length = max(work.q_lengths)
        padding = np.triu(np.ones((1, 1, length, length), bool), 1)
    else:
        return None
    return np.where(padding, np.float32(-np.inf), np.float32(0))


def _model(
    work: Workload, wants_weights: bool, causal: bool
) -> openvino.Model:
    """Of fixed shapes."""
    width = work.embed_dim

    def parameter(lengths: list[int]) -> openvino.Node:
        return ops.parameter([len(lengths), max(lengths), width], np.float32)

    queries = parameter(work.q_lengths)
    keys = None if work.keys is None else parameter(work.kv_lengths)
    q, k, v = _projections(work, queries, keys)
    outputs = []
    if wants_weights:
        scale = np.float32(work.head_dim**-0.5)
        scores = ops.multiply(ops.matmul(q, k, False, True), scale)
        mask = _mask(work, causal)
        if mask is not None:
            scores = ops.add(scores, mask)
        attn_weights = ops.softmax(scores, -1)
        outputs.append(attn_weights)
        heads = ops.matmul(attn_weights, v, False, False)
    elif work.ragged:
        heads = ops.scaled_dot_product_attention(
            q, k, v, ops.constant(_mask(work, False))
        )
    else:
        heads = ops.scaled_dot_product_attention(q, k, v, causal=causal)
    rows = ops.reshape(ops.transpose(heads, [0, 2, 1, 3]), [0, 0, width], True)
    contexts = _linear(rows, work.out_proj_weight, work.out_proj_bias)
    inputs = [queries] if keys is None else [queries, keys]
    return openvino.Model([contexts, *outputs], inputs, "layer")


class OpenVinoLayer:
    """A compiled model whose inputs are bound once."""

    def __init__(
        self, work: Workload, model: openvino.Model, dtype: str
    ) -> None:
        self._work = work
        compiled = openvino.Core().compile_model(
            model,
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                # Without it, f32 becomes bf16 where the CPU has bf16.
                "INFERENCE_PRECISION_HINT": dtype,
                "INFERENCE_NUM_THREADS": _threads,
                "NUM_STREAMS": 1,
            },
        )
        self._request = compiled.create_infer_request()
        self._inputs = [work.padded(work.queries, work.q_lengths)]
        if work.keys is not None:
            self._inputs.append(work.padded(work.keys, work.kv_lengths))
        for index, rows in enumerate(self._inputs):
            self._request.set_input_tensor(
                index, openvino.Tensor(rows, shared_memory=True)
            )
        self._wants_weights = len(model.outputs) > 1

    def run(self) -> None:
        # Without it, infer() copies the outputs.
        self._request.infer(share_outputs=True)

    def contexts(self) -> np.ndarray:
        return self._work.pack_contexts(
            self._request.get_output_tensor(0).data
        )

    def attn_weights(self) -> np.ndarray | None:
        if not self._wants_weights:
            return None
        return self._work.pack_weights(self._request.get_output_tensor(1).data)
