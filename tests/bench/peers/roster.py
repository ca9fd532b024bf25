"""Who is measured, and how each is started."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from .cases import Case, Mode
from .child import Child

OURS = "attention"


@dataclass(frozen=True)
class Peer:
    """One column of the table."""

    name: str
    label: str
    # A module of this package and what it calls the way to compute.
    module: str = ""
    variant: str = ""
    bf16: bool = False
    ragged_only: bool = False

    def takes(self, case: Case, mode: Mode) -> bool:
        if mode.dtype == "bf16" and not self.bf16:
            return False
        return case.ragged or not self.ragged_only


PEERS = (
    Peer("torch", "torch", ".torch_peer", "sdpa", bf16=True),
    Peer("mha", "nn.MHA", ".torch_peer", "mha"),
    Peer("loop", "one by one", ".torch_peer", "loop", True, True),
    Peer("onnxruntime", "ONNX Runtime", ".onnxruntime_peer"),
    Peer("openvino", "OpenVINO", ".openvino_peer", bf16=True),
)

# ONNX Runtime has no switch, and of OpenVINO only oneDNN has one.
AVX2 = {
    "ATTENTION_BENCH_MAX_ISA": "avx2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "DNNL_MAX_CPU_ISA": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OV_CPU_MAX_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
AVX2_UNFORCED = {
    "torch": "its MKL takes the limit on Intel only",
    "mha": "its MKL takes the limit on Intel only",
    "loop": "its MKL takes the limit on Intel only",
    "onnxruntime": "has no switch: uses all that the CPU has",
    "openvino": "its oneDNN only: other kernels use all that the CPU has",
}


def _environment(threads: int, max_isa: str) -> dict[str, str]:
    # Large tensors from the heap: a program that frees and asks again does not
    # pay for fresh pages each time.
    environment = {
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "PYTHONPATH": str(Path(__file__).parent.parent),
    }
    return environment | (AVX2 if max_isa == "avx2" else {})


def start_ours(
    runner: Path, cpus: list[int], threads: int, max_isa: str
) -> Child:
    return Child(
        "Attention Server",
        [str(runner)],
        cpus,
        _environment(threads, max_isa),
    )


def start(peer: Peer, cpus: list[int], threads: int, max_isa: str) -> Child:
    return Child(
        peer.label,
        [sys.executable, "-m", "peers.serve"]
        + [peer.module, peer.variant, str(threads)],
        cpus,
        _environment(threads, max_isa),
    )


def distinct_cores() -> list[int]:
    """The CPUs that this process may use, one of each core."""
    seen: set[str] = set()
    cpus = []
    for cpu in sorted(os.sched_getaffinity(0)):
        siblings = Path(
            f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
        )
        core = siblings.read_text() if siblings.exists() else str(cpu)
        if core not in seen:
            seen.add(core)
            cpus.append(cpu)
    return cpus
