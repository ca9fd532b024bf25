"""What only Triton's HTTP client has: tensors as JSON or bytes, compressed
bodies, requests made by hand, and its asyncio twin."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request

import numpy as np
import pytest
import tritonclient.http.aio
from tritonclient.utils import InferenceServerException

from golden import NUM_SENTENCES, assert_close, sentence
from server_process import ServerProcess
from triton_client import MODULES, Triton, make_inputs

InferRequestedOutput = MODULES["http"].InferRequestedOutput


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_tensors_travel_as_bytes_or_as_json(
    triton_http: Triton, binary_in: bool, binary_out: bool
) -> None:
    golden = sentence(0)
    tensors = {"queries": golden.queries}
    inputs = make_inputs("http", tensors, binary_data=binary_in)
    outputs = [
        InferRequestedOutput(name, binary_data=binary_out)
        for name in ("contexts", "attn_weights")
    ]
    result = triton_http.client.infer(
        "minilm/0@weights", inputs, outputs=outputs
    )
    assert ("data" in result.get_output("contexts")) is not binary_out
    assert_close(result.as_numpy("contexts"), golden.contexts)
    assert_close(result.as_numpy("attn_weights"), golden.weights)


def test_one_output_as_json_and_one_as_bytes(triton_http: Triton) -> None:
    golden = sentence(0)
    outputs = [
        InferRequestedOutput("contexts", binary_data=False),
        InferRequestedOutput("attn_weights", binary_data=True),
    ]
    result = triton_http.infer(
        "minilm/0@weights", golden.queries, outputs=outputs
    )
    assert_close(result.as_numpy("contexts"), golden.contexts)
    assert_close(result.as_numpy("attn_weights"), golden.weights)


@pytest.mark.parametrize("request_algorithm", [None, "gzip", "deflate"])
@pytest.mark.parametrize("response_algorithm", [None, "gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_bodies_may_be_compressed(
    triton_http: Triton,
    request_algorithm: str | None,
    response_algorithm: str | None,
    binary: bool,
) -> None:
    golden = sentence(0)
    tensors = {"queries": golden.queries}
    result = triton_http.client.infer(
        "minilm/0",
        make_inputs("http", tensors, binary_data=binary),
        outputs=[InferRequestedOutput("contexts", binary_data=binary)],
        request_compression_algorithm=request_algorithm,
        response_compression_algorithm=response_algorithm,
    )
    assert_close(result.as_numpy("contexts"), golden.contexts)


def test_many_calls_at_once_get_each_their_own_answer(
    server: ServerProcess,
) -> None:
    goldens = [sentence(number) for number in range(NUM_SENTENCES)] * 20
    with Triton("http", server, concurrency=16) as triton:
        calls = [
            triton.client.async_infer(
                "minilm/0",
                triton.inputs(queries=golden.queries),
                request_id=str(number),
            )
            for number, golden in enumerate(goldens)
        ]
        for number, (call, golden) in enumerate(
            zip(calls, goldens, strict=True)
        ):
            result = call.get_result()
            assert result.get_response()["id"] == str(number)
            assert_close(result.as_numpy("contexts"), golden.contexts)


def test_bodies_made_and_read_without_the_client_work(
    server: ServerProcess,
) -> None:
    golden = sentence(0)
    client = MODULES["http"].InferenceServerClient
    inputs = make_inputs("http", {"queries": golden.queries})
    body, json_size = client.generate_request_body(inputs)
    request = urllib.request.Request(
        f"http://{server.http}/v2/models/minilm/0/infer",
        data=body,
        headers={"Inference-Header-Content-Length": str(json_size)},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        header_size = response.headers["Inference-Header-Content-Length"]
        result = client.parse_response_body(
            response.read(), header_length=int(header_size)
        )
    assert_close(result.as_numpy("contexts"), golden.contexts)


def test_the_asyncio_client_makes_the_same_calls(
    server: ServerProcess,
) -> None:
    async def run() -> None:
        url = server.http
        async with tritonclient.http.aio.InferenceServerClient(url) as client:
            assert await client.is_server_live()
            assert await client.is_server_ready()
            assert await client.is_model_ready("minilm/0", "1")
            metadata = await client.get_model_metadata("minilm/0")
            assert metadata["inputs"][0]["name"] == "queries"
            config = await client.get_model_config("minilm/0")
            assert config["max_batch_size"] > 0
            assert (await client.get_server_metadata())["extensions"]
            assert await client.get_model_repository_index()
            statistics = await client.get_inference_statistics()
            assert statistics["model_stats"]
            assert await client.get_log_settings()
            await client.get_system_shared_memory_status()
            goldens = [sentence(number) for number in range(NUM_SENTENCES)]
            calls = [
                client.infer(
                    "minilm/0@weights",
                    make_inputs("http", {"queries": golden.queries}),
                )
                for golden in goldens
            ]
            results = await asyncio.gather(*calls)
            for result, golden in zip(results, goldens, strict=True):
                assert_close(result.as_numpy("contexts"), golden.contexts)
                assert_close(result.as_numpy("attn_weights"), golden.weights)
            with pytest.raises(InferenceServerException) as caught:
                await client.infer("bert", [])
            assert caught.value.status() == "404"

    asyncio.run(run())


def post(server: ServerProcess, path: str, body: bytes) -> tuple[int, dict]:
    """Status and body of an answer to a request made by hand."""
    request = urllib.request.Request(
        f"http://{server.http}{path}", data=body, method="POST"
    )
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        assert answer.headers["Content-Type"] == "application/json"
        return answer.status, json.load(answer)


def test_nested_lists_are_tensors_too(server: ServerProcess) -> None:
    golden = sentence(4)
    tensor = {
        "name": "queries",
        "datatype": "FP32",
        "shape": golden.queries.shape,
        "data": golden.queries.tolist(),
    }
    body = json.dumps({"inputs": [tensor]}).encode()
    status, answer = post(server, "/v2/models/minilm%2F0/infer", body)
    assert status == 200
    (output,) = answer["outputs"]
    contexts = np.array(output["data"]).reshape(output["shape"])
    assert_close(contexts, golden.contexts)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"inputs": 3}',
        b'{"inputs": [{"name": "queries"}]}',
        b'{"inputs": [{"name": "queries", "shape": [1, 1, 384], '
        b'"datatype": "FP32", "data": ["a"]}]}',
        b"[" * 100_000,
    ],
    ids=lambda body: body[:20].decode(),
)
def test_a_body_that_is_no_request_is_refused(
    server: ServerProcess, body: bytes
) -> None:
    status, answer = post(server, "/v2/models/minilm/0/infer", body)
    assert status == 400
    assert answer["error"]


def test_an_unknown_path_is_not_found(server: ServerProcess) -> None:
    status, answer = post(server, "/v2/nothing/here", b"{}")
    assert status == 404
    assert "/v2/nothing/here" in answer["error"]


def test_a_wrong_method_is_named(server: ServerProcess) -> None:
    status, answer = post(server, "/v2/health/live", b"{}")
    assert status == 405
    assert "GET" in answer["error"]
