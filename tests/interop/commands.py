"""Programs that ./dev test interop installs below build/."""

from __future__ import annotations

import base64
import subprocess
from typing import Any

import numpy as np

from golden import ROOT

GHZ = ROOT / "build/go/bin/ghz"
GRPCURL = ROOT / "build/go/bin/grpcurl"
HEALTH_PROBE = ROOT / "build/go/bin/grpc-health-probe"
PERF_ANALYZER = ROOT / "build/perf-analyzer/run"

SECONDS = 300


def run(*command: object) -> subprocess.CompletedProcess[str]:
    """Its exit code and what it printed, whatever they are."""
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def infer_request(model: str, queries: np.ndarray) -> dict[str, Any]:
    """A ModelInferRequest as JSON, which has bytes in base64."""
    tensor = {
        "name": "queries",
        "datatype": "FP32",
        "shape": [str(width) for width in queries.shape],
    }
    raw = base64.b64encode(queries.tobytes()).decode()
    return {
        "model_name": model,
        "inputs": [tensor],
        "raw_input_contents": [raw],
    }


def floats(encoded: str, shape: list[str]) -> np.ndarray:
    """A tensor of FP32 out of an answer in JSON."""
    raw = np.frombuffer(base64.b64decode(encoded), np.float32)
    return raw.reshape([int(width) for width in shape])
