"""Triton's models: the same layer in ONNX Runtime, set up in more than one way.

Nobody can know beforehand which way suits Triton best, so each load tries all
and keeps the fastest.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from peers import onnxruntime_peer
from peers.onnx_graph import Graph
from peers.workload import Workload

# Of one batch that Triton puts together.
MAX_BATCH = 32

_CONFIG = """\
name: "{name}"
backend: "python"
max_batch_size: {max_batch}
input [ {inputs} ]
output [
  {{ name: "contexts" data_type: TYPE_FP32 dims: [ -1, {width} ] }}
]
instance_group [ {{ kind: KIND_CPU count: {instances} }} ]
dynamic_batching {{ }}
parameters {{ key: "threads" value {{ string_value: "{threads}" }} }}
parameters {{
  key: "FORCE_CPU_ONLY_INPUT_TENSORS" value {{ string_value: "yes" }}
}}
"""
_QUERIES = '{{ name: "queries" data_type: TYPE_FP32 dims: [ -1, {width} ] }}'
_LENGTHS = '{ name: "lengths" data_type: TYPE_INT32 dims: [ 1 ] }'


@dataclass(frozen=True)
class Setup:
    """How Triton shares the cores: copies of the model, threads of each."""

    instances: int
    threads: int

    @property
    def title(self) -> str:
        copies = "1 copy" if self.instances == 1 else f"{self.instances} copies"
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{copies} with {threads}"


def setups(cores: int) -> list[Setup]:
    """One at a time on all cores, and one on each core."""
    return list(dict.fromkeys([Setup(1, cores), Setup(cores, 1)]))


def model_name(case: str, padded: bool, setup: Setup) -> str:
    kind = "-padded" if padded else ""
    return f"{case}{kind}-{setup.instances}x{setup.threads}"


def _operator(work: Workload, padded: bool) -> str:
    """The fastest for this shape, as the measurement of layers has it."""
    if padded:
        # The only one that has masks in batches of any size.
        return "Attention"
    layer = onnxruntime_peer.load(
        "", work, wants_weights=False, causal=False, dtype="f32"
    )
    return layer.operator


def write(
    folder: Path, case: str, work: Workload, padded: bool, cores: int
) -> None:
    """One model for each setup. Without `padded`, sequences have no padding."""
    if not padded and work.ragged:
        length = round(len(work.queries) / work.batch)
        alone = work.queries[:length]
        work = replace(
            work, queries=alone, q_lengths=[length], kv_lengths=[length]
        )
    onnxruntime_peer.set_threads(cores)
    graph = Graph(work, causal=False, any_shape=True)
    graph.attend(_operator(work, padded))
    layer = graph.model(wants_weights=False)
    queries = _QUERIES.format(width=work.embed_dim)
    inputs = [queries, _LENGTHS] if padded else [queries]
    for setup in setups(cores):
        name = model_name(case, padded, setup)
        version = folder / name / "1"
        version.mkdir(parents=True)
        (version / "layer.onnx").write_bytes(layer)
        shutil.copy(
            Path(__file__).with_name("layer_model.py"), version / "model.py"
        )
        config = _CONFIG.format(
            name=name,
            max_batch=MAX_BATCH,
            inputs=", ".join(inputs),
            width=work.embed_dim,
            instances=setup.instances,
            threads=setup.threads,
        )
        (folder / name / "config.pbtxt").write_text(config)
