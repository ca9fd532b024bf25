"""What only Triton's gRPC client has: typed contents, callbacks, deadlines,
cancelling, compression, and its asyncio twin."""

from __future__ import annotations

import asyncio
import queue
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc.aio
from tritonclient.utils import InferenceServerException

from golden import NUM_SENTENCES, assert_close, sentence
from server_process import ServerProcess
from triton_client import MODULES, Triton, make_inputs

CALLS = 2000
# Takes the server seconds, so that it is still at work when it is cancelled.
LONG = np.zeros((4, 8192, 384), np.float32)


def typed_request(golden_queries: np.ndarray) -> Any:
    """A ModelInferRequest with fp32_contents, as other clients send it."""
    service = MODULES["grpc"].service_pb2
    request = service.ModelInferRequest(model_name="minilm/0@weights")
    tensor = request.inputs.add()
    tensor.name = "queries"
    tensor.datatype = "FP32"
    tensor.shape.extend(golden_queries.shape)
    tensor.contents.fp32_contents.extend(golden_queries.ravel())
    return request


def test_numbers_may_come_as_typed_contents(triton_grpc: Triton) -> None:
    golden = sentence(0)
    request = typed_request(golden.queries)
    tensor = request.inputs.add()
    tensor.name = "q_lengths"
    tensor.datatype = "INT64"
    tensor.shape.append(1)
    tensor.contents.int64_contents.append(golden.queries.shape[1])
    response = triton_grpc.client._client_stub.ModelInfer(request)
    result = MODULES["grpc"].InferResult(response)
    assert_close(result.as_numpy("contexts"), golden.contexts)
    assert_close(result.as_numpy("attn_weights"), golden.weights)


def test_typed_and_raw_contents_do_not_go_together(
    triton_grpc: Triton,
) -> None:
    golden = sentence(0)
    request = typed_request(golden.queries)
    request.raw_input_contents.append(golden.queries.tobytes())
    with pytest.raises(grpc.RpcError) as caught:
        triton_grpc.client._client_stub.ModelInfer(request)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "raw_input_contents" in caught.value.details()


def test_thousands_of_calls_at_once_get_each_their_own_answer(
    triton_grpc: Triton,
) -> None:
    goldens = [
        sentence(number, layer) for layer in (0, 3) for number in range(6)
    ]
    answers: queue.Queue = queue.Queue()
    for call in range(CALLS):
        golden = goldens[call % len(goldens)]
        triton_grpc.client.async_infer(
            f"minilm/{golden.layer}",
            triton_grpc.inputs(queries=golden.queries),
            lambda result, error: answers.put((result, error)),
            request_id=str(call),
        )
    seen = set()
    for _ in range(CALLS):
        result, error = answers.get(timeout=60)
        assert error is None, error
        call = int(result.get_response().id)
        seen.add(call)
        expected = goldens[call % len(goldens)].contexts
        assert_close(result.as_numpy("contexts"), expected)
    assert len(seen) == CALLS


def test_a_callback_gets_the_error(triton_grpc: Triton) -> None:
    errors: queue.Queue = queue.Queue()
    inputs = triton_grpc.inputs(queries=np.zeros((1, 4, 7), np.float32))
    triton_grpc.client.async_infer(
        "minilm/0", inputs, lambda result, error: errors.put(error)
    )
    error = errors.get(timeout=60)
    assert error.status() == "StatusCode.INVALID_ARGUMENT"
    assert "384" in error.message()


def test_a_deadline_ends_the_call(triton_grpc: Triton) -> None:
    with triton_grpc.refused("DEADLINE_EXCEEDED"):
        triton_grpc.infer("minilm/0", LONG, client_timeout=0.05)
    golden = sentence(0)
    result = triton_grpc.infer("minilm/0", golden.queries, client_timeout=60)
    assert_close(result.as_numpy("contexts"), golden.contexts)


def test_a_call_can_be_cancelled(triton_grpc: Triton) -> None:
    errors: queue.Queue = queue.Queue()
    call = triton_grpc.client.async_infer(
        "minilm/0",
        triton_grpc.inputs(queries=LONG),
        lambda result, error: errors.put(error),
    )
    call.cancel()
    assert errors.get(timeout=60).status() == "StatusCode.CANCELLED"
    golden = sentence(0)
    result = triton_grpc.infer("minilm/0", golden.queries)
    assert_close(result.as_numpy("contexts"), golden.contexts)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_a_call_can_be_compressed(triton_grpc: Triton, algorithm: str) -> None:
    golden = sentence(0)
    result = triton_grpc.infer(
        "minilm/0", golden.queries, compression_algorithm=algorithm
    )
    assert_close(result.as_numpy("contexts"), golden.contexts)


def test_keepalive_pings_are_answered(server: ServerProcess) -> None:
    options = MODULES["grpc"].KeepAliveOptions(
        keepalive_time_ms=20_000, keepalive_permit_without_calls=True
    )
    golden = sentence(4)
    with Triton("grpc", server, keepalive_options=options) as triton:
        result = triton.infer("minilm/0", golden.queries)
    assert_close(result.as_numpy("contexts"), golden.contexts)


def test_the_asyncio_client_makes_the_same_calls(
    server: ServerProcess,
) -> None:
    async def run() -> None:
        url = server.grpc
        async with tritonclient.grpc.aio.InferenceServerClient(url) as client:
            assert await client.is_server_live()
            assert await client.is_server_ready()
            assert await client.is_model_ready("minilm/0", "1")
            metadata = await client.get_model_metadata("minilm/0")
            assert metadata.inputs[0].name == "queries"
            config = await client.get_model_config("minilm/0")
            assert config.config.max_batch_size > 0
            assert (await client.get_server_metadata()).extensions
            assert (await client.get_model_repository_index()).models
            assert (await client.get_inference_statistics()).model_stats
            assert (await client.get_log_settings()).settings
            await client.get_system_shared_memory_status()
            goldens = [sentence(number) for number in range(NUM_SENTENCES)]
            calls = [
                client.infer(
                    "minilm/0@weights",
                    make_inputs("grpc", {"queries": golden.queries}),
                )
                for golden in goldens
            ]
            results = await asyncio.gather(*calls)
            for result, golden in zip(results, goldens, strict=True):
                assert_close(result.as_numpy("contexts"), golden.contexts)
                assert_close(result.as_numpy("attn_weights"), golden.weights)
            with pytest.raises(InferenceServerException) as caught:
                await client.infer("bert", [])
            assert caught.value.status() == "StatusCode.NOT_FOUND"

    asyncio.run(run())
