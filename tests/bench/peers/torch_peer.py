"""PyTorch: scaled_dot_product_attention and nn.MultiheadAttention."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from .workload import Workload


def set_threads(threads: int) -> None:
    torch.set_num_threads(threads)


def version() -> str:
    return torch.__version__


def load(
    variant: str,
    work: Workload,
    *,
    wants_weights: bool,
    causal: bool,
    dtype: str,
) -> object:
    torch_dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[dtype]
    layer = {"sdpa": Functional, "loop": OneByOne, "mha": Module}[variant]
    return layer(work, wants_weights, causal, torch_dtype)


def _linear(
    weight: np.ndarray, bias: np.ndarray, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(weight).to(dtype), torch.from_numpy(bias).to(dtype)


class _TorchLayer:
    """What the ways to call PyTorch share: inputs and answers."""

    def __init__(self, work: Workload, dtype: torch.dtype) -> None:
        self._work = work
        self._contexts: torch.Tensor | None = None
        self._weights: torch.Tensor | None = None
        self._queries = torch.from_numpy(
            work.padded(work.queries, work.q_lengths)
        ).to(dtype)
        self._keys = self._queries
        if work.keys is not None:
            self._keys = torch.from_numpy(
                work.padded(work.keys, work.kv_lengths)
            ).to(dtype)

    def contexts(self) -> np.ndarray:
        return self._work.pack_contexts(self._contexts.float().numpy())

    def attn_weights(self) -> np.ndarray | None:
        if self._weights is None:
            return None
        return self._work.pack_weights(self._weights.float().numpy())


class Functional(_TorchLayer):
    """One product for all projections of a row, then attention.

    scaled_dot_product_attention has no weights to give: where they are wanted,
    a softmax between two products, into memory that is allocated once.
    """

    def __init__(
        self,
        work: Workload,
        wants_weights: bool,
        causal: bool,
        dtype: torch.dtype,
    ) -> None:
        super().__init__(work, dtype)
        self._in = _linear(work.in_proj_weight, work.in_proj_bias, dtype)
        self._out = _linear(work.out_proj_weight, work.out_proj_bias, dtype)
        self._causal = causal
        # True takes part.
        self._mask: torch.Tensor | None = None
        if work.ragged:
            self._mask = torch.from_numpy(~work.key_padding())[:, None, None]
        if wants_weights:
            shape = (
                work.batch,
                work.num_heads,
                self._queries.shape[1],
                self._keys.shape[1],
            )
            self._weights = torch.empty(shape, dtype=dtype)
            if causal:
                self._mask = torch.ones(shape[2:], dtype=torch.bool).tril()

    @torch.inference_mode()
    def run(self) -> None:
        self._contexts = self._attend(
            self._queries, self._keys, self._mask, self._weights
        )

    def _heads(self, rows: torch.Tensor, parts: int) -> list[torch.Tensor]:
        """[batch, length, parts * embed_dim] to [batch, heads, length, -1]."""
        batch, length, _ = rows.shape
        heads, width = self._work.num_heads, self._work.head_dim
        split = rows.view(batch, length, parts, heads, width)
        return list(split.permute(2, 0, 3, 1, 4).unbind(0))

    def _attend(
        self,
        queries: torch.Tensor,
        keys: torch.Tensor,
        mask: torch.Tensor | None,
        weights: torch.Tensor | None,
    ) -> torch.Tensor:
        weight, bias = self._in
        if keys is queries:
            q, k, v = self._heads(F.linear(queries, weight, bias), 3)
        else:
            width = self._work.embed_dim
            (q,) = self._heads(
                F.linear(queries, weight[:width], bias[:width]), 1
            )
            k, v = self._heads(F.linear(keys, weight[width:], bias[width:]), 2)
        if weights is None:
            heads = F.scaled_dot_product_attention(
                q, k, v, attn_mask=mask, is_causal=self._causal
            )
        else:
            scale = self._work.head_dim**-0.5
            torch.matmul(q * scale, k.transpose(-2, -1), out=weights)
            if mask is not None:
                weights.masked_fill_(~mask, -torch.inf)
            torch.softmax(weights, -1, out=weights)
            heads = torch.matmul(weights, v)
        rows = heads.transpose(1, 2).reshape(*queries.shape)
        return F.linear(rows, *self._out)


class OneByOne(Functional):
    """The same for each sequence alone, without padding."""

    def __init__(
        self,
        work: Workload,
        wants_weights: bool,
        causal: bool,
        dtype: torch.dtype,
    ) -> None:
        super().__init__(work, False, causal, dtype)
        self._parts = [
            row[None, :length].clone()
            for row, length in zip(self._queries, work.q_lengths)
        ]
        self._answers: list[torch.Tensor] = []
        self._all_weights: list[torch.Tensor] | None = None
        if wants_weights:
            self._all_weights = [
                torch.empty(1, work.num_heads, length, length, dtype=dtype)
                for length in work.q_lengths
            ]

    @torch.inference_mode()
    def run(self) -> None:
        weights = self._all_weights or [None] * len(self._parts)
        self._answers = [
            self._attend(part, part, None, into)
            for part, into in zip(self._parts, weights)
        ]

    def contexts(self) -> np.ndarray:
        return torch.cat([x[0] for x in self._answers]).float().numpy()

    def attn_weights(self) -> np.ndarray | None:
        if self._all_weights is None:
            return None
        return torch.cat([x.ravel() for x in self._all_weights]).numpy()


class Module(_TorchLayer):
    """torch.nn.MultiheadAttention, ready for its fast path."""

    def __init__(
        self,
        work: Workload,
        wants_weights: bool,
        causal: bool,
        dtype: torch.dtype,
    ) -> None:
        super().__init__(work, dtype)
        self._wants_weights = wants_weights
        module = torch.nn.MultiheadAttention(
            work.embed_dim, work.num_heads, batch_first=True
        )
        module.load_state_dict(
            {
                "in_proj_weight": torch.from_numpy(work.in_proj_weight),
                "in_proj_bias": torch.from_numpy(work.in_proj_bias),
                "out_proj.weight": torch.from_numpy(work.out_proj_weight),
                "out_proj.bias": torch.from_numpy(work.out_proj_bias),
            }
        )
        self._module = module.to(dtype).eval().requires_grad_(False)
        self._masks: dict[str, object] = {}
        if work.ragged:
            self._masks["key_padding_mask"] = torch.from_numpy(
                work.key_padding()
            )
        if causal:
            length = self._queries.shape[1]
            self._masks["attn_mask"] = torch.ones(
                length, length, dtype=torch.bool
            ).triu(1)
            self._masks["is_causal"] = True

    @torch.inference_mode()
    def run(self) -> None:
        self._contexts, self._weights = self._module(
            self._queries,
            self._keys,
            self._keys,
            need_weights=self._wants_weights,
            average_attn_weights=False,
            **self._masks,
        )
