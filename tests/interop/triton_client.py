"""Triton's Python clients for gRPC and HTTP, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from server_process import ServerProcess

MODULES = {"grpc": tritonclient.grpc, "http": tritonclient.http}

# How Triton says its codes over HTTP.
HTTP_STATUS = {
    "INVALID_ARGUMENT": "400",
    "ALREADY_EXISTS": "400",
    "NOT_FOUND": "404",
    "UNIMPLEMENTED": "501",
    "UNAVAILABLE": "503",
}


def status_of(protocol: str, code: str) -> str:
    """What the exception of a client says for a gRPC code."""
    return f"StatusCode.{code}" if protocol == "grpc" else HTTP_STATUS[code]


def make_inputs(
    protocol: str, tensors: Mapping[str, np.ndarray], **options: Any
) -> list[Any]:
    inputs = []
    for name, tensor in tensors.items():
        dtype = np_to_triton_dtype(tensor.dtype)
        an_input = MODULES[protocol].InferInput(name, list(tensor.shape), dtype)
        inputs.append(an_input.set_data_from_numpy(tensor, **options))
    return inputs


class Triton:
    """One client; a context that closes it."""

    def __init__(
        self, protocol: str, server: ServerProcess, **options: Any
    ) -> None:
        self.protocol = protocol
        self.module = MODULES[protocol]
        url = server.grpc if protocol == "grpc" else server.http
        self.client = self.module.InferenceServerClient(url, **options)

    def __enter__(self) -> Triton:
        return self

    def __exit__(self, *exception: object) -> None:
        self.client.close()

    def inputs(self, **tensors: np.ndarray) -> list[Any]:
        return make_inputs(self.protocol, tensors)

    def outputs(self, *names: str) -> list[Any]:
        return [self.module.InferRequestedOutput(name) for name in names]

    def infer(self, model: str, queries: np.ndarray, **options: Any) -> Any:
        return self.client.infer(model, self.inputs(queries=queries), **options)

    def response(self, result: Any) -> dict:
        """The answer without its tensors, as JSON has it."""
        as_json = {"as_json": True} if self.protocol == "grpc" else {}
        return result.get_response(**as_json)

    def json(self, call: str, *arguments: Any, **options: Any) -> Any:
        """What a call that describes something says, with its numbers, which
        the gRPC client turns into strings."""
        if self.protocol == "grpc":
            options["as_json"] = True
        return numbers(getattr(self.client, call)(*arguments, **options))

    @contextmanager
    def refused(self, code: str, *texts: str) -> Iterator[None]:
        """The block must fail with `code`, saying each of `texts`."""
        with pytest.raises(InferenceServerException) as caught:
            yield
        assert caught.value.status() == status_of(self.protocol, code), (
            caught.value
        )
        for text in texts:
            assert text in caught.value.message()


def numbers(value: Any) -> Any:
    """The same with integers for strings of digits, but for versions."""
    if isinstance(value, dict):
        return {
            key: inner if key == "version" else numbers(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [numbers(inner) for inner in value]
    if isinstance(value, str) and value.removeprefix("-").isdigit():
        return int(value)
    return value
