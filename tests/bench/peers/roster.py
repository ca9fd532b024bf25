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
class Program:
    """One that is measured."""

    name: str
    # In the table, and where there is more room.
    label: str
    title: str
    # What its version is the version of.
    library: str
    # In the picture, on white and on black.
    colours: tuple[str, str]


@dataclass(frozen=True)
class Peer(Program):
    """One column of the table."""

    # A module of this package and what it calls the way to compute.
    module: str
    variant: str = ""
    bf16: bool = False
    ragged_only: bool = False

    def takes(self, case: Case, mode: Mode) -> bool:
        if mode.dtype == "bf16" and not self.bf16:
            return False
        return case.ragged or not self.ragged_only


_TORCH = "torch (eager)"
_ONNX = "ONNX Runtime"

PEERS = (
    Peer(
        "torch",
        "torch",
        "torch SDPA",
        _TORCH,
        ("#f0883e", "#d9762f"),
        ".torch_peer",
        "sdpa",
        bf16=True,
    ),
    Peer(
        "mha",
        "nn.MHA",
        "torch nn.MultiheadAttention",
        _TORCH,
        ("#f7c59f", "#8f6a4d"),
        ".torch_peer",
        "mha",
    ),
    Peer(
        "loop",
        "one by one",
        "torch, one by one",
        _TORCH,
        ("#b35900", "#9a5a1c"),
        ".torch_peer",
        "loop",
        bf16=True,
        ragged_only=True,
    ),
    Peer(
        "onnxruntime",
        _ONNX,
        _ONNX,
        _ONNX,
        ("#9aa4af", "#6b7480"),
        ".onnxruntime_peer",
    ),
    Peer(
        "openvino",
        "OpenVINO",
        "OpenVINO",
        "OpenVINO",
        ("#a98be0", "#8467c0"),
        ".openvino_peer",
        bf16=True,
    ),
)

_ATTENTION = "Attention Server"
# By name, in the order in which they are shown.
PROGRAMS: dict[str, Program] = {
    program.name: program
    for program in (
        Program(
            OURS, _ATTENTION, _ATTENTION, _ATTENTION, ("#0b6bff", "#388bfd")
        ),
        *PEERS,
    )
}

# ONNX Runtime has no switch, and of OpenVINO only oneDNN has one.
AVX2 = {
    "ATTENTION_BENCH_MAX_ISA": "avx2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "DNNL_MAX_CPU_ISA": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OV_CPU_MAX_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
_MKL = "its MKL takes the limit on Intel only"
AVX2_UNFORCED = {
    "torch": _MKL,
    "mha": _MKL,
    "loop": _MKL,
    "onnxruntime": "not at all, it uses all that the CPU has",
    "openvino": "its oneDNN only: other kernels use all that the CPU has",
}


def _environment(threads: int, max_isa: str) -> dict[str, str]:
    # Large tensors from the heap: a program that frees and asks again does not
    # pay for fresh pages each time. And from huge pages, where the system lets
    # programs ask for them.
    environment = {
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "PYTHONPATH": str(Path(__file__).parent.parent),
    }
    return environment | (AVX2 if max_isa == "avx2" else {})


def our_process(
    runner: Path, cpus: list[int], threads: int, max_isa: str
) -> Child:
    return Child(
        _ATTENTION,
        [str(runner)],
        cpus,
        _environment(threads, max_isa),
    )


def process(peer: Peer, cpus: list[int], threads: int, max_isa: str) -> Child:
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
