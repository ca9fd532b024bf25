"""The process of one peer: the commands of layer_runner.cc, in Python.

python -m peers.serve MODULE VARIANT THREADS
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Protocol

import numpy as np
from safetensors.numpy import save_file

from . import workload


class Layer(Protocol):
    """A loaded layer, as each peer's module makes it."""

    def run(self) -> None:
        """Computes everything once."""

    def contexts(self) -> np.ndarray:
        """The last run's, [tokens, embed_dim] in f32."""

    def attn_weights(self) -> np.ndarray | None:
        """The last run's, flat, if they were asked for."""


class Server:
    """Answers commands with a peer's module."""

    def __init__(self, module_name: str, variant: str, threads: int) -> None:
        self._module = importlib.import_module(module_name, __package__)
        self._variant = variant
        self._threads = threads
        self._layer: Layer | None = None
        self._module.set_threads(threads)

    def info(self) -> dict:
        return {"version": self._module.version()}

    def load(
        self,
        model: str,
        inputs: str,
        attn_weights: str,
        causal: str,
        dtype: str,
    ) -> dict:
        self._layer = None
        self._layer = self._module.load(
            self._variant,
            workload.read(model, inputs),
            wants_weights=attn_weights == "per_head",
            causal=causal == "1",
            dtype=dtype,
        )
        # Where a module chooses among operators, which one it took.
        return {"operator": getattr(self._layer, "operator", None)}

    def run(self, seconds: str) -> dict:
        runs = []
        end = time.perf_counter() + float(seconds)
        while True:
            begin = time.perf_counter()
            self._layer.run()
            ended = time.perf_counter()
            runs.append(ended - begin)
            if ended >= end:
                return {"seconds": runs}

    def write(self, path: str) -> dict:
        tensors = {"contexts": self._layer.contexts()}
        weights = self._layer.attn_weights()
        if weights is not None:
            tensors["attn_weights"] = weights
        save_file(tensors, path)
        return {}


def main() -> None:
    # Libraries may print: the answers get a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module, variant, threads = sys.argv[1:]
    server = Server(module, variant, int(threads))
    for line in sys.stdin:
        name, *words = line.split()
        values = dict(word.split("=", 1) for word in words)
        try:
            answer = getattr(server, name)(**values)
        except Exception as error:  # Whatever a library raises.
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
