"""ModelStreamInfer as Triton's gRPC clients use it: answers in the order of
the requests, errors that leave the stream open."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc.aio

from golden import NUM_SENTENCES, assert_close, sentence
from server_process import ServerProcess
from triton_client import Triton, make_inputs

REQUESTS = 600
# Takes the server seconds, so that it is still at work when it is cancelled.
LONG = np.zeros((4, 8192, 384), np.float32)


class Stream:
    """A stream of a client, whose answers it collects."""

    def __init__(self, triton: Triton, **options: Any) -> None:
        self._triton = triton
        self._answers: queue.Queue = queue.Queue()
        triton.client.start_stream(
            lambda result, error: self._answers.put((result, error)), **options
        )

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exception: object) -> None:
        self._triton.client.stop_stream(cancel_requests=True)

    def send(self, model: str, queries: np.ndarray, **options: Any) -> None:
        inputs = self._triton.inputs(queries=queries)
        self._triton.client.async_stream_infer(model, inputs, **options)

    def next(self) -> tuple[Any, Any]:
        return self._answers.get(timeout=60)

    def result(self) -> Any:
        result, error = self.next()
        assert error is None, error
        return result


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_answers_come_in_the_order_of_the_requests(
    triton_grpc: Triton, compression: str | None
) -> None:
    with Stream(triton_grpc, compression_algorithm=compression) as stream:
        for request in range(REQUESTS):
            golden = sentence(request % NUM_SENTENCES, layer=request % 2)
            stream.send(
                f"minilm/{golden.layer}",
                golden.queries,
                request_id=str(request),
            )
        for request in range(REQUESTS):
            golden = sentence(request % NUM_SENTENCES, layer=request % 2)
            result = stream.result()
            assert result.get_response().id == str(request)
            assert_close(result.as_numpy("contexts"), golden.contexts)


def test_an_error_names_its_request_and_leaves_the_stream_open(
    triton_grpc: Triton,
) -> None:
    golden = sentence(0)
    with Stream(triton_grpc) as stream:
        stream.send("minilm/0", golden.queries[:, :, :7], request_id="bad")
        stream.send("bert", golden.queries)
        stream.send("minilm/0", golden.queries, request_id="good")
        result, error = stream.next()
        assert result is None
        assert "384" in error.message()
        _, error = stream.next()
        assert "bert" in error.message()
        result = stream.result()
        assert result.get_response().id == "good"
        assert_close(result.as_numpy("contexts"), golden.contexts)


def test_the_final_response_is_marked_when_that_is_asked_for(
    triton_grpc: Triton,
) -> None:
    with Stream(triton_grpc) as stream:
        stream.send(
            "minilm/0", sentence(4).queries, enable_empty_final_response=True
        )
        parameters = stream.result().get_response().parameters
        final = parameters.get("triton_final_response")
        assert final is None or final.bool_param


def test_a_stream_that_is_stopped_first_gets_its_answers(
    triton_grpc: Triton,
) -> None:
    golden = sentence(0)
    stream = Stream(triton_grpc)
    for _ in range(10):
        stream.send("minilm/0", golden.queries)
    triton_grpc.client.stop_stream()
    for _ in range(10):
        assert_close(stream.result().as_numpy("contexts"), golden.contexts)


def test_a_stream_can_be_cancelled(triton_grpc: Triton) -> None:
    stream = Stream(triton_grpc)
    stream.send("minilm/0", LONG)
    triton_grpc.client.stop_stream(cancel_requests=True)
    _, error = stream.next()
    assert error.status() == "StatusCode.CANCELLED"


def test_a_stream_has_a_deadline(triton_grpc: Triton) -> None:
    with Stream(triton_grpc, stream_timeout=0.05) as stream:
        _, error = stream.next()
        assert error.status() == "StatusCode.DEADLINE_EXCEEDED"


def test_the_asyncio_client_streams_too(server: ServerProcess) -> None:
    goldens = [sentence(number) for number in range(NUM_SENTENCES)]

    async def requests() -> AsyncIterator[dict]:
        for number, golden in enumerate(goldens):
            yield {
                "model_name": "minilm/0@weights",
                "inputs": make_inputs("grpc", {"queries": golden.queries}),
                "request_id": str(number),
            }

    async def run() -> None:
        url = server.grpc
        async with tritonclient.grpc.aio.InferenceServerClient(url) as client:
            number = 0
            async for result, error in client.stream_infer(requests()):
                assert error is None
                golden = goldens[number]
                assert result.get_response().id == str(number)
                assert_close(result.as_numpy("contexts"), golden.contexts)
                assert_close(result.as_numpy("attn_weights"), golden.weights)
                number += 1
            assert number == len(goldens)

    asyncio.run(run())
