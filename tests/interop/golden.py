"""Attention that this project did not compute.

PyTorch's contexts and weights of real sentences in the layers of the demo
model, and for whatever PyTorch was not asked, NumPy in double precision.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "server/demo/minilm"
SAMPLES = ROOT / "tests/data/minilm/samples.safetensors"
NUM_SENTENCES = 6

# Of the largest magnitude: three times what PyTorch is off in f32.
TOLERANCE = 2e-6
# Rounding inputs and outputs to so many bits.
TOLERANCE_OF = {"FP32": TOLERANCE, "FP16": 2**-10, "BF16": 2**-7}


@dataclass(frozen=True)
class Sentence:
    """Of n tokens: queries and contexts [1, n, 384], weights [1, 12, n, n]."""

    layer: int
    queries: np.ndarray
    contexts: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Layer:
    """Parameters of a layer, in double: by name [out, in] and [out]."""

    num_heads: int
    parameters: dict[str, tuple[np.ndarray, np.ndarray]]

    def project(self, name: str, rows: np.ndarray) -> np.ndarray:
        weight, bias = self.parameters[name]
        return rows.astype(np.float64) @ weight.T + bias

    def heads(self, name: str, rows: np.ndarray) -> np.ndarray:
        """[batch, len, embed_dim] to [batch, num_heads, len, head_dim]."""
        projected = self.project(name, rows)
        split = projected.reshape(*projected.shape[:2], self.num_heads, -1)
        return split.transpose(0, 2, 1, 3)


@cache
def _samples() -> dict[str, np.ndarray]:
    return load_file(SAMPLES)


def sentence(number: int, layer: int = 0) -> Sentence:
    prefix = f"sentence{number}.layer{layer}"
    tensors = [
        _samples()[f"{prefix}.{name}"][np.newaxis]
        for name in ("hidden", "context", "weights")
    ]
    return Sentence(layer, *tensors)


@cache
def _layer(number: int) -> Layer:
    file = load_file(MODEL / "model.safetensors")
    prefix = f"encoder.layer.{number}.attention"
    names = ("self.query", "self.key", "self.value", "output.dense")
    parameters = {
        name: (
            file[f"{prefix}.{name}.weight"].astype(np.float64),
            file[f"{prefix}.{name}.bias"].astype(np.float64),
        )
        for name in names
    }
    config = json.loads((MODEL / "config.json").read_text())
    return Layer(config["num_attention_heads"], parameters)


def core(
    queries: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    mask: np.ndarray | None = None,
    scale: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Of heads [batch, num_heads, len, head_dim]; `mask` is added to scores."""
    if scale is None:
        scale = queries.shape[-1] ** -0.5
    scores = queries @ keys.swapaxes(-1, -2) * scale
    if mask is not None:
        scores = scores + mask
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights @ values, weights


def attention(
    layer: int,
    queries: np.ndarray,
    keys: np.ndarray | None = None,
    values: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    scale: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Contexts [batch, len, embed_dim] and weights of a layer of the model."""
    parameters = _layer(layer)
    mixed, weights = core(
        parameters.heads("self.query", queries),
        parameters.heads("self.key", queries if keys is None else keys),
        parameters.heads("self.value", queries if values is None else values),
        mask,
        scale,
    )
    joined = mixed.transpose(0, 2, 1, 3).reshape(*queries.shape[:2], -1)
    return parameters.project("output.dense", joined), weights


def causal_mask(length: int) -> np.ndarray:
    return np.where(np.tri(length, dtype=bool), 0.0, -np.inf)


def assert_close(
    actual: np.ndarray | None,
    expected: np.ndarray,
    tolerance: float = TOLERANCE,
) -> None:
    assert actual is not None, "the tensor is missing"
    assert actual.shape == expected.shape
    error = np.abs(actual.astype(np.float64) - expected).max()
    assert error <= tolerance * np.abs(expected).max()
