"""The layers and batches that are measured."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A layer and the lengths of the sequences that it gets."""

    name: str
    title: str
    embed_dim: int
    num_heads: int
    q_lengths: tuple[int, ...]
    # Empty in self-attention.
    kv_lengths: tuple[int, ...] = ()
    causal: bool = False
    # Attention weights would take more memory than anybody asks for.
    contexts_only: bool = False

    @property
    def key_lengths(self) -> tuple[int, ...]:
        return self.kv_lengths or self.q_lengths

    @property
    def ragged(self) -> bool:
        return len(set(self.q_lengths)) > 1

    @property
    def tokens(self) -> int:
        """Real ones: padding does not count."""
        return sum(self.q_lengths)

    @property
    def flops(self) -> float:
        """What the layer cannot do without: padding does not count."""
        total = 0
        for queries, keys in zip(self.q_lengths, self.key_lengths):
            pairs = queries * keys
            if self.causal:
                pairs = queries * (queries + 1) // 2
            total += 4 * self.embed_dim**2 * (queries + keys)
            total += 4 * self.embed_dim * pairs
        return float(total)


@dataclass(frozen=True)
class Mode:
    """What is asked of a layer."""

    name: str
    title: str
    attn_weights: str
    dtype: str
    # The largest error that is still the same answer, relative to the largest
    # magnitude.
    tolerance: float


MODES = (
    Mode("contexts", "contexts only, f32", "none", "f32", 1e-4),
    Mode("weights", "with per-head weights, f32", "per_head", "f32", 1e-4),
    Mode("bf16", "contexts only, computed in bf16", "none", "bf16", 5e-2),
)


def _square(
    batch: int, length: int, embed_dim: int, num_heads: int, **more: bool
) -> Case:
    name = f"b{batch}-s{length}-e{embed_dim}"
    title = f"{batch} x {length:,}  E{embed_dim}"
    lengths = (length,) * batch
    return Case(name, title, embed_dim, num_heads, lengths, **more)


def _ragged() -> Case:
    """32 sentences: lognormal lengths, 30 on average, at most 102."""
    # The lengths from this seed are 30 on average and 102 at most.
    generator = random.Random(311)
    sigma = 0.6
    mu = math.log(30) - sigma**2 / 2
    lengths = tuple(
        min(102, max(4, round(generator.lognormvariate(mu, sigma))))
        for _ in range(32)
    )
    return Case("ragged", "32 ragged  mean 30, E384", 384, 12, lengths)


CASES = (
    _square(8, 128, 768, 12),
    _square(1, 128, 768, 12),
    _square(1, 512, 768, 12),
    _square(4, 512, 1024, 16),
    _square(1, 2048, 768, 12),
    _square(1, 8192, 768, 12, contexts_only=True),
    _square(16, 32, 384, 12),
    _square(64, 16, 384, 12),
    Case("q1-kv4096", "1 on 4,096  keys, E768", 768, 12, (1,), (4096,)),
    _ragged(),
    Case("causal", "1 x 2,048  causal, E768", 768, 12, (2048,), causal=True),
)

# What --quick measures.
QUICK = ("b8-s128-e768", "b1-s512-e768", "b16-s32-e384", "q1-kv4096", "ragged")
