"""The tensors of a case, the same for everybody, in files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from .cases import Case


@dataclass
class Workload:
    """Weights as torch.nn.MultiheadAttention has them, and packed inputs."""

    num_heads: int
    in_proj_weight: np.ndarray  # [3 * embed_dim, embed_dim]
    in_proj_bias: np.ndarray  # [3 * embed_dim]
    out_proj_weight: np.ndarray  # [embed_dim, embed_dim]
    out_proj_bias: np.ndarray  # [embed_dim]
    queries: np.ndarray  # [tokens, embed_dim]
    q_lengths: list[int]
    keys: np.ndarray | None  # [kv_tokens, embed_dim]; none: self-attention
    kv_lengths: list[int]

    @property
    def embed_dim(self) -> int:
        return self.queries.shape[1]

    @property
    def head_dim(self) -> int:
        return self.embed_dim // self.num_heads

    @property
    def batch(self) -> int:
        return len(self.q_lengths)

    @property
    def ragged(self) -> bool:
        return len(set(self.q_lengths)) > 1

    def padded(self, packed: np.ndarray, lengths: list[int]) -> np.ndarray:
        """[sequences, longest, embed_dim], zeros behind each sequence."""
        rows = np.zeros(
            (len(lengths), max(lengths), packed.shape[1]), packed.dtype
        )
        start = 0
        for row, length in zip(rows, lengths):
            row[:length] = packed[start : start + length]
            start += length
        return rows

    def key_padding(self) -> np.ndarray:
        """[sequences, longest] booleans, true at keys that are padding."""
        longest = np.arange(max(self.kv_lengths))
        return longest[None, :] >= np.array(self.kv_lengths)[:, None]

    def pack_contexts(self, padded: np.ndarray) -> np.ndarray:
        """[sequences, longest, embed_dim] to [tokens, embed_dim]."""
        return np.concatenate(
            [rows[:length] for rows, length in zip(padded, self.q_lengths)]
        )

    def pack_weights(self, padded: np.ndarray) -> np.ndarray:
        """[sequences, heads, longest, longest] to each one's, flat."""
        return np.concatenate(
            [
                matrix[:, :queries, :keys].ravel()
                for matrix, queries, keys in zip(
                    padded, self.q_lengths, self.kv_lengths
                )
            ]
        )


def write(case: Case, model: Path, inputs: Path) -> None:
    """Makes the case's tensors, the same ones in every run."""
    generator = np.random.default_rng(4)

    def uniform(limit: float, *shape: int) -> np.ndarray:
        return generator.uniform(-limit, limit, shape).astype(np.float32)

    width = case.embed_dim
    # Scores of order one, as in a trained layer.
    limit = (3 / width) ** 0.5
    save_file(
        {
            "in_proj_weight": uniform(limit, 3 * width, width),
            "in_proj_bias": uniform(0.1, 3 * width),
            "out_proj.weight": uniform(limit, width, width),
            "out_proj.bias": uniform(0.1, width),
        },
        model,
        {"num_heads": str(case.num_heads)},
    )
    tensors = {
        "queries": uniform(1, case.tokens, width),
        "q_lengths": np.array(case.q_lengths, np.int64),
    }
    if case.kv_lengths:
        tensors["keys"] = uniform(1, sum(case.kv_lengths), width)
        tensors["kv_lengths"] = np.array(case.kv_lengths, np.int64)
    save_file(tensors, inputs)


def read(model: str, inputs: str) -> Workload:
    with safe_open(model, "numpy") as file:
        num_heads = int(file.metadata()["num_heads"])
    weights = load_file(model)
    tensors = load_file(inputs)
    q_lengths = tensors["q_lengths"].tolist()
    kv_lengths = tensors.get("kv_lengths", tensors["q_lengths"]).tolist()
    return Workload(
        num_heads,
        weights["in_proj_weight"],
        weights["in_proj_bias"],
        weights["out_proj.weight"],
        weights["out_proj.bias"],
        tensors["queries"],
        q_lengths,
        tensors.get("keys"),
        kv_lengths,
    )
