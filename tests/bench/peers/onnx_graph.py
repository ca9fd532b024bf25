"""The layer as an ONNX graph, its attention fused or of plain operators."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .workload import Workload


class Graph:
    """A graph from `queries` and `keys` to `contexts`.

    Of the workload's shapes; or, with `any_shape`, of any number of sequences
    of any length, whose lengths are then an input `lengths` [sequences] where
    the workload is ragged. Plain operators have no masks for that.
    """

    def __init__(
        self, work: Workload, causal: bool, any_shape: bool = False
    ) -> None:
        self._work = work
        self._causal = causal
        self._any_shape = any_shape
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def _add(self, operator: str, inputs: list[str], output: str, **more):
        self._nodes.append(helper.make_node(operator, inputs, [output], **more))
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
        self._linear(rows, "contexts", work.out_proj_weight, work.out_proj_bias)

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
        if self._any_shape:
            return "lengths"
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
        batch: int | str = work.batch
        queries: int | str = max(work.q_lengths)
        keys: int | str = max(work.kv_lengths)
        if self._any_shape:
            batch, queries, keys = "batch", "queries", "keys"
            if work.keys is None:
                keys = queries
        width = work.embed_dim
        value = helper.make_tensor_value_info
        floats = TensorProto.FLOAT
        inputs = [value("queries", floats, [batch, queries, width])]
        if work.keys is not None:
            inputs.append(value("keys", floats, [batch, keys, width]))
        if self._any_shape and work.ragged:
            inputs.append(value("lengths", TensorProto.INT32, [batch]))
        outputs = [value("contexts", floats, [batch, queries, width])]
        if wants_weights:
            shape = [batch, work.num_heads, queries, keys]
            outputs.append(value("attn_weights", floats, shape))
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
