"""grpcurl finds the service by reflection and calls it, with nothing else than
the address."""

import json

import pytest

from commands import GRPCURL, floats, infer_request, run
from golden import assert_close, sentence
from server_process import ServerProcess

SERVICE = "inference.GRPCInferenceService"
METHODS = {
    "ServerLive",
    "ServerReady",
    "ModelReady",
    "ServerMetadata",
    "ModelMetadata",
    "ModelInfer",
    "ModelStreamInfer",
    "ModelConfig",
    "ModelStatistics",
    "RepositoryIndex",
    "RepositoryModelLoad",
    "RepositoryModelUnload",
    "SystemSharedMemoryStatus",
    "SystemSharedMemoryRegister",
    "SystemSharedMemoryUnregister",
    "CudaSharedMemoryStatus",
    "CudaSharedMemoryRegister",
    "CudaSharedMemoryUnregister",
    "TraceSetting",
    "LogSettings",
}
# What grpcurl adds to the number of a gRPC code.
EXIT_BASE = 64
INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED = 3, 5, 12


def call(server: ServerProcess, method: str, request: dict) -> dict:
    flags = ["-plaintext", "-max-msg-sz", 100_000_000]
    flags += ["-d", json.dumps(request)]
    result = run(GRPCURL, *flags, server.grpc, f"{SERVICE}/{method}")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_it_lists_every_service(server: ServerProcess) -> None:
    listed = set(run(GRPCURL, "-plaintext", server.grpc, "list").stdout.split())
    assert {
        SERVICE,
        "attention.v1.AttentionService",
        "grpc.health.v1.Health",
    } <= listed


def test_it_lists_every_method(server: ServerProcess) -> None:
    result = run(GRPCURL, "-plaintext", server.grpc, "list", SERVICE)
    prefix = SERVICE + "."
    assert {
        line.removeprefix(prefix) for line in result.stdout.split()
    } == METHODS


@pytest.mark.parametrize(
    "symbol",
    [
        SERVICE,
        f"{SERVICE}.ModelInfer",
        "inference.ModelInferRequest",
        "inference.ModelConfig",
    ],
)
def test_it_describes_what_it_finds(server: ServerProcess, symbol: str) -> None:
    result = run(GRPCURL, "-plaintext", server.grpc, "describe", symbol)
    assert result.returncode == 0, result.stderr
    assert symbol in result.stdout


def test_a_sentence_gets_its_contexts(server: ServerProcess) -> None:
    golden = sentence(0)
    request = infer_request("minilm/0@weights", golden.queries)
    answer = call(server, "ModelInfer", request | {"id": "7"})
    assert answer["id"] == "7"
    names = ("contexts", "attn_weights")
    for index, expected in enumerate((golden.contexts, golden.weights)):
        output = answer["outputs"][index]
        assert output["name"] == names[index]
        raw = answer["raw_output_contents"][index]
        assert_close(floats(raw, output["shape"]), expected)


def test_a_stream_takes_one_request_after_another(
    server: ServerProcess,
) -> None:
    golden = sentence(4)
    requests = [
        infer_request("minilm/0", golden.queries) | {"id": str(number)}
        for number in range(3)
    ]
    text = "\n".join(json.dumps(request) for request in requests)
    flags = ["-plaintext", "-format", "json", "-d", text]
    method = f"{SERVICE}/ModelStreamInfer"
    result = run(GRPCURL, *flags, server.grpc, method)
    assert result.returncode == 0, result.stderr
    decoder, rest, answers = json.JSONDecoder(), result.stdout, []
    while rest := rest.lstrip():
        answer, end = decoder.raw_decode(rest)
        answers.append(answer["infer_response"])
        rest = rest[end:]
    assert [answer["id"] for answer in answers] == ["0", "1", "2"]
    for answer in answers:
        (output,) = answer["outputs"]
        (raw,) = answer["raw_output_contents"]
        assert_close(floats(raw, output["shape"]), golden.contexts)


@pytest.mark.parametrize(
    ("method", "request_message", "code", "text"),
    [
        ("ModelInfer", {"model_name": "bert"}, NOT_FOUND, "bert"),
        ("ModelInfer", {"model_name": "minilm/0"}, INVALID_ARGUMENT, "queries"),
        ("ModelReady", {"name": "bert"}, NOT_FOUND, "bert"),
        ("TraceSetting", {}, UNIMPLEMENTED, ""),
    ],
)
def test_an_error_is_its_exit_code(
    server: ServerProcess,
    method: str,
    request_message: dict,
    code: int,
    text: str,
) -> None:
    flags = ["-plaintext", "-d", json.dumps(request_message)]
    result = run(GRPCURL, *flags, server.grpc, f"{SERVICE}/{method}")
    assert result.returncode == EXIT_BASE + code, result.stderr
    assert text in result.stderr


def test_kserves_way_of_naming_a_model_is_understood(
    server: ServerProcess,
) -> None:
    """KServe's messages have the model's name in the first field."""
    call(server, "RepositoryModelLoad", {"repository_name": "minilm/0"})
