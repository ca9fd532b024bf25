"""KServe's Python clients, InferenceGRPCClient and InferenceRESTClient: every
call of both, numbers as lists and as arrays, errors, and retries.

A process of their own: their generated messages and Triton's have the same
names, so that Python cannot import both.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from kserve import (
    InferenceGRPCClient,
    InferenceRESTClient,
    InferInput,
    InferRequest,
    InferResponse,
    RESTConfig,
)
from kserve.protocol.infer_type import RequestedOutput

from golden import NUM_SENTENCES, assert_close, attention, sentence
from server_process import ServerProcess


class Client:
    """Either client, with the calls that both have."""

    def __init__(self, protocol: str, server: ServerProcess) -> None:
        self.protocol = protocol
        self._server = server

    def run(self, use: Callable[[Any], Awaitable[Any]]) -> Any:
        """What `use` returns for a client of its own."""

        async def connected() -> Any:
            if self.protocol == "grpc":
                client = InferenceGRPCClient(self._server.grpc)
            else:
                client = InferenceRESTClient(RESTConfig(protocol="v2"))
            async with client:
                return await use(client)

        return asyncio.run(connected())

    @property
    def where(self) -> tuple[str, ...]:
        """The arguments that only one of them takes first."""
        return () if self.protocol == "grpc" else (self.url,)

    @property
    def url(self) -> str:
        return f"http://{self._server.http}"

    def infer(self, request: InferRequest) -> InferResponse:
        model = request.model_name
        if self.protocol == "grpc":
            return self.run(lambda client: client.infer(request))
        return self.run(
            lambda client: client.infer(self.url, request, model_name=model)
        )


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, server: ServerProcess) -> Client:
    return Client(request.param, server)


def make_request(
    model: str,
    queries: np.ndarray,
    as_list: bool = False,
    **options: Any,
) -> InferRequest:
    tensor = InferInput("queries", list(queries.shape), "FP32")
    if as_list:
        tensor.data = queries.ravel().tolist()
    else:
        tensor.set_data_from_numpy(queries)
    return InferRequest(model, [tensor], **options)


def output(response: InferResponse, name: str) -> np.ndarray:
    tensor = response.get_output_by_name(name)
    assert tensor is not None, f"no output {name}"
    return tensor.as_numpy()


def test_server_and_models_are_ready(client: Client) -> None:
    async def use(a_client: Any) -> list[bool]:
        return [
            await a_client.is_server_live(*client.where),
            await a_client.is_server_ready(*client.where),
            await a_client.is_model_ready(*client.where, "minilm/0"),
            await a_client.is_model_ready(*client.where, "minilm/0@weights"),
        ]

    assert client.run(use) == [True] * 4


def test_a_model_that_is_not_there_is_not_ready(client: Client) -> None:
    async def use(a_client: Any) -> bool:
        return await a_client.is_model_ready(*client.where, "bert")

    if client.protocol == "grpc":
        with pytest.raises(grpc.RpcError) as caught:
            client.run(use)
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    else:
        assert client.run(use) is False


@pytest.mark.parametrize("as_list", [True, False])
def test_every_sentence_gets_minilms_contexts_and_weights(
    client: Client, as_list: bool
) -> None:
    for number in range(NUM_SENTENCES):
        golden = sentence(number, layer=1)
        request_id = str(uuid.uuid4())
        response = client.infer(
            make_request(
                "minilm/1@weights",
                golden.queries,
                as_list=as_list,
                request_id=request_id,
            )
        )
        assert response.id == request_id
        assert response.model_name == "minilm/1@weights"
        if client.protocol == "grpc":  # The other client drops it.
            assert response.model_version == "1"
        assert_close(output(response, "contexts"), golden.contexts)
        assert_close(output(response, "attn_weights"), golden.weights)


def test_outputs_come_as_asked_for(client: Client) -> None:
    golden = sentence(0)
    response = client.infer(
        make_request(
            "minilm/0@weights",
            golden.queries,
            request_outputs=[RequestedOutput("attn_weights")],
        )
    )
    assert [tensor.name for tensor in response.outputs] == ["attn_weights"]
    assert_close(output(response, "attn_weights"), golden.weights)


def test_parameters_reach_the_model(client: Client) -> None:
    golden = sentence(0)
    contexts, _ = attention(0, golden.queries, scale=0.25)
    response = client.infer(
        make_request(
            "minilm/0",
            golden.queries,
            parameters={"residual": True, "scale": "0.25", "priority": 1},
        )
    )
    assert_close(output(response, "contexts"), contexts + golden.queries)


def test_half_precision_is_sent_as_bytes(client: Client) -> None:
    queries = sentence(0).queries.astype(np.float16)
    contexts, _ = attention(0, queries)
    tensor = InferInput("queries", list(queries.shape), "FP16")
    tensor.set_data_from_numpy(queries)
    outputs = [RequestedOutput("contexts", {"binary_data": True})]
    response = client.infer(
        InferRequest("minilm/0", [tensor], request_outputs=outputs)
    )
    assert output(response, "contexts").dtype == np.float16
    assert_close(output(response, "contexts"), contexts, 2**-10)


def test_a_rest_request_may_ask_for_bytes(server: ServerProcess) -> None:
    golden = sentence(0)
    response = Client("rest", server).infer(
        make_request(
            "minilm/0",
            golden.queries,
            parameters={"binary_data_output": True},
        )
    )
    assert_close(output(response, "contexts"), golden.contexts)


def test_a_rest_request_may_be_a_dictionary(server: ServerProcess) -> None:
    golden = sentence(0)
    tensor = {
        "name": "queries",
        "datatype": "FP32",
        "shape": list(golden.queries.shape),
        "data": golden.queries.tolist(),
    }
    client = Client("rest", server)
    response = client.run(
        lambda a_client: a_client.infer(
            client.url, {"inputs": [tensor]}, model_name="minilm/0"
        )
    )
    assert_close(output(response, "contexts"), golden.contexts)


@pytest.mark.parametrize(
    ("model", "width", "code", "status", "text"),
    [
        ("bert", 384, grpc.StatusCode.NOT_FOUND, 404, "bert"),
        ("minilm/0", 7, grpc.StatusCode.INVALID_ARGUMENT, 400, "384"),
    ],
)
def test_an_error_has_its_code_and_says_why(
    client: Client,
    model: str,
    width: int,
    code: grpc.StatusCode,
    status: int,
    text: str,
) -> None:
    request = make_request(model, np.zeros((1, 2, width), np.float32))
    if client.protocol == "grpc":
        with pytest.raises(grpc.RpcError) as refused:
            client.infer(request)
        assert refused.value.code() == code
        assert text in refused.value.details()
    else:
        with pytest.raises(httpx.HTTPStatusError) as failed:
            client.infer(request)
        assert failed.value.response.status_code == status
        assert text in str(failed.value)


def burst(
    server: ServerProcess, queries: np.ndarray, retries: int
) -> list[InferResponse | BaseException]:
    """What sixteen requests get that are sent at once."""

    async def use() -> list[InferResponse | BaseException]:
        async with InferenceGRPCClient(server.grpc, retries=retries) as client:
            calls = [
                client.infer(make_request("minilm/0", queries))
                for _ in range(16)
            ]
            return await asyncio.gather(*calls, return_exceptions=True)

    return asyncio.run(use())


def test_the_client_tries_again_after_unavailable() -> None:
    """The queue holds one request, so that most of those that come at once are
    refused; the client's retries get every one of them through."""
    # As long as may be: gRPC keeps 256 KiB of a request for another try.
    queries = np.tile(sentence(0).queries, (1, 10, 1))
    contexts, _ = attention(0, queries)
    with ServerProcess("--max-queue-requests=1", "--workers=1") as server:
        errors = [
            answer
            for answer in burst(server, queries, retries=0)
            if isinstance(answer, grpc.RpcError)
        ]
        assert errors
        assert {error.code() for error in errors} == {
            grpc.StatusCode.UNAVAILABLE
        }
        for response in burst(server, queries, retries=5):
            assert isinstance(response, InferResponse), response
            assert_close(output(response, "contexts"), contexts)
