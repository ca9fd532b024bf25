"""ONNX Runtime: the fastest of its fused operators and a graph of plain ones.

Which one that is depends on the shape: MultiHeadAttention alone has flash
attention on a CPU, but neither with masks nor with few keys.
"""

from __future__ import annotations

import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

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


class _Graph:
    """A graph of fixed shapes from `queries` and `keys` to `contexts`."""

    def __init__(self, work: Workload, causal: bool) -> None:
        self._work = work
        self._causal = causal
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def _add(self, operator: str, inputs: list[str], output: str, **more):
        self._nodes.append(
            helper.make_node(operator, inputs, [output], **more)
        )
        return output

    def _constant(self, name: str, value: np.ndarray) -> str:
        self._constants.append(
            numpy_helper.from_array(np.ascontiguousarray(value), name)
        )
        return name

    def _linear(
        self, rows: str, name: str, weight: np.ndarray, bias: np.ndarray
    ) -> str:
        weights = self._constant(name + "_weight", weight.T)
        product = self._add("MatMul", [rows, weights], name + "_product")
        biases = self._constant(name + "_bias", bias)
        return self._add("Add", [product, biases], name)

    def _out(self, rows: str) -> None:
        work = self._work
        self._linear(
            rows, "contexts", work.out_proj_weight, work.out_proj_bias
        )

    def _projections(self) -> tuple[str, str, str]:
        """Queries, keys and values, [batch, length, embed_dim]."""
        work = self._work
        width = work.embed_dim
        weight, bias = work.in_proj_weight, work.in_proj_bias
        if work.keys is None:
            rows = self._linear("queries", "qkv", weight, bias)
            names = ["q", "k", "v"]
        else:
            self._linear("queries", "q", weight[:width], bias[:width])
            rows = self._linear("keys", "kv", weight[width:], bias[width:])
            names = ["k", "v"]
        self._nodes.append(
            helper.make_node(
                "Split", [rows], names, axis=-1, num_outputs=len(names)
            )
        )
        return "q", "k", "v"

    def attend(self, operator: str) -> None:
        """With a fused operator, or with plain ones that start with MatMul."""
        {
            "Attention": self._attention,
            "MultiHeadAttention": self._multi_head_attention,
            "MatMul": self._plain,
        }[operator]()

    def _lengths(self) -> str:
        return self._constant(
            "lengths", np.array(self._work.kv_lengths, np.int32)
        )

    def _attention(self) -> None:
        """Self-attention only, its first projection in the operator."""
        work = self._work
        inputs = [
            "queries",
            self._constant("weights", work.in_proj_weight.T),
            self._constant("bias", work.in_proj_bias),
        ]
        if work.ragged:
            inputs.append(self._lengths())
        self._out(
            self._add(
                "Attention",
                inputs,
                "attention",
                domain="com.microsoft",
                num_heads=work.num_heads,
                unidirectional=int(self._causal),
            )
        )

    def _multi_head_attention(self) -> None:
        work = self._work
        inputs = list(self._projections())
        if work.ragged:
            # After a bias, which is in the projections already.
            inputs += ["", self._lengths()]
        self._out(
            self._add(
                "MultiHeadAttention",
                inputs,
                "attention",
                domain="com.microsoft",
                num_heads=work.num_heads,
                unidirectional=int(self._causal),
            )
        )

    def _heads(self, rows: str, permutation: list[int]) -> str:
        work = self._work
        shape = self._constant(
            rows + "_shape",
            np.array([0, -1, work.num_heads, work.head_dim], np.int64),
        )
        split = self._add("Reshape", [rows, shape], rows + "_split")
        return self._add(
            "Transpose", [split], rows + "_heads", perm=permutation
        )

    def _mask(self) -> np.ndarray | None:
        """What is added to the scores."""
        work = self._work
        if work.ragged:
            padding = work.key_padding()[:, None, None]
        elif self._causal:
            length = max(work.q_lengths)
            padding = np.triu(np.ones((length, length), bool), 1)
        else:
            return None
        return np.where(padding, np.float32(-1e30), np.float32(0))

    def _plain(self) -> None:
        work = self._work
        q, k, v = self._projections()
        q = self._heads(q, [0, 2, 1, 3])
        k = self._heads(k, [0, 2, 3, 1])
        v = self._heads(v, [0, 2, 1, 3])
        scale = self._constant("scale", np.float32(work.head_dim**-0.5))
        product = self._add("MatMul", [q, k], "product")
        scores = self._add("Mul", [product, scale], "scores")
        mask = self._mask()
        if mask is not None:
            added = self._constant("mask", mask)
            scores = self._add("Add", [scores, added], "masked")
        self._add("Softmax", [scores], "attn_weights", axis=-1)
        heads = self._add("MatMul", ["attn_weights", v], "head_contexts")
        rows = self._add("Transpose", [heads], "rows", perm=[0, 2, 1, 3])
        shape = self._constant(
            "rows_shape", np.array([0, 0, work.embed_dim], np.int64)
        )
        self._out(self._add("Reshape", [rows, shape], "merged"))

    def model(self, wants_weights: bool) -> bytes:
        work = self._work
        batch, width = work.batch, work.embed_dim
        queries, keys = max(work.q_lengths), max(work.kv_lengths)

        def value(name: str, *shape: int) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(
                name, TensorProto.FLOAT, shape
            )

        inputs = [value("queries", batch, queries, width)]
        if work.keys is not None:
            inputs.append(value("keys", batch, keys, width))
        outputs = [value("contexts", batch, queries, width)]
        if wants_weights:
            outputs.append(
                value("attn_weights", batch, work.num_heads, queries, keys)
            )
        graph = helper.make_graph(
            self._nodes, "layer", inputs, outputs, self._constants
        )
        opsets = [
            helper.make_opsetid("", 18),
            helper.make_opsetid("com.microsoft", 1),
        ]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=10
        ).SerializeToString()


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
        graph = _Graph(work, causal)
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
