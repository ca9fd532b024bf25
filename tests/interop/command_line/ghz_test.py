"""ghz finds the service by reflection and loads it, one call after another and
over streams."""

import json
from pathlib import Path

import pytest

from commands import GHZ, infer_request, run
from golden import sentence
from server_process import ServerProcess

CALLS = 500


@pytest.mark.parametrize("method", ["ModelInfer", "ModelStreamInfer"])
@pytest.mark.parametrize("model", ["minilm/0", "minilm/0@weights"])
def test_every_call_is_answered(
    server: ServerProcess, tmp_path: Path, method: str, model: str
) -> None:
    request: object = infer_request(model, sentence(4).queries)
    if method == "ModelStreamInfer":
        request = [request] * 3
    data = tmp_path / "request.json"
    data.write_text(json.dumps(request))
    call = f"inference.GRPCInferenceService/{method}"
    flags = ["--insecure", "--call", call, "--data-file", data]
    flags += ["-n", CALLS, "-c", 8, "--connections", 2, "-O", "json"]
    result = run(GHZ, *flags, server.grpc)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["count"] == CALLS
    assert report["statusCodeDistribution"] == {"OK": CALLS}
