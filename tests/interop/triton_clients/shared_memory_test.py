"""Tensors in system shared memory: Triton's clients put inputs there and find
outputs there, and what cannot be is refused."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import shared_memory

from golden import assert_close, sentence
from triton_client import Triton

BYTES = 1 << 20


class Region:
    """Memory that is registered, and forgotten at the end."""

    def __init__(self, triton: Triton, key_prefix: str = "/") -> None:
        self.name = f"region-{uuid.uuid4().hex}"
        self.key = f"{key_prefix}attention-{self.name}"
        self.client = triton.client
        self.handle = shared_memory.create_shared_memory_region(
            self.name, self.key, BYTES
        )

    def __enter__(self) -> Region:
        self.client.register_system_shared_memory(self.name, self.key, BYTES)
        return self

    def __exit__(self, *exception: object) -> None:
        self.client.unregister_system_shared_memory(self.name)
        shared_memory.destroy_shared_memory_region(self.handle)

    def write(self, tensor: np.ndarray, offset: int = 0) -> None:
        shared_memory.set_shared_memory_region(self.handle, [tensor], offset)

    def read(self, shape: tuple[int, ...], offset: int = 0) -> np.ndarray:
        view = shared_memory.get_contents_as_numpy(
            self.handle, np.float32, shape, offset
        )
        return view.copy()


@pytest.fixture
def region(triton: Triton) -> Iterator[Region]:
    with Region(triton) as a_region:
        yield a_region


def shared_input(
    triton: Triton, region: Region, tensor: np.ndarray, offset: int = 0
) -> Any:
    region.write(tensor, offset)
    shape = list(tensor.shape)
    an_input = triton.module.InferInput("queries", shape, "FP32")
    return an_input.set_shared_memory(region.name, tensor.nbytes, offset)


def shared_output(
    triton: Triton, region: Region, name: str, size: int, offset: int
) -> Any:
    output = triton.module.InferRequestedOutput(name)
    output.set_shared_memory(region.name, size, offset)
    return output


def test_inputs_and_outputs_lie_in_shared_memory(
    triton: Triton, region: Region
) -> None:
    golden = sentence(5)
    contexts_at = golden.queries.nbytes
    weights_at = contexts_at + golden.contexts.nbytes
    result = triton.client.infer(
        "minilm/0@weights",
        [shared_input(triton, region, golden.queries)],
        outputs=[
            shared_output(
                triton,
                region,
                "contexts",
                golden.contexts.nbytes,
                contexts_at,
            ),
            shared_output(
                triton,
                region,
                "attn_weights",
                golden.weights.nbytes,
                weights_at,
            ),
        ],
    )
    assert_close(
        region.read(golden.contexts.shape, contexts_at), golden.contexts
    )
    assert_close(region.read(golden.weights.shape, weights_at), golden.weights)
    outputs = triton.response(result)["outputs"]
    assert [output["name"] for output in outputs] == [
        "contexts",
        "attn_weights",
    ]
    for output in outputs:
        assert "data" not in output
        # Triton's own HTTP client takes any parameters for those of bytes that
        # follow.
        assert ("parameters" in output) is (triton.protocol == "grpc")


@pytest.mark.parametrize("offset", [0, 4, 4096, 12_344])
def test_an_input_may_lie_anywhere(
    triton: Triton, region: Region, offset: int
) -> None:
    golden = sentence(0)
    an_input = shared_input(triton, region, golden.queries, offset)
    result = triton.client.infer("minilm/0", [an_input])
    assert_close(result.as_numpy("contexts"), golden.contexts)


def test_one_output_may_be_shared_and_the_next_sent(
    triton: Triton, region: Region
) -> None:
    golden = sentence(1)
    contexts = shared_output(
        triton, region, "contexts", golden.contexts.nbytes, 64
    )
    result = triton.infer(
        "minilm/0@weights",
        golden.queries,
        outputs=[contexts, *triton.outputs("attn_weights")],
    )
    assert_close(region.read(golden.contexts.shape, 64), golden.contexts)
    assert_close(result.as_numpy("attn_weights"), golden.weights)


def test_inputs_that_are_sent_skip_those_that_are_shared(
    triton: Triton, region: Region
) -> None:
    golden = sentence(0)
    keys = shared_input(triton, region, golden.queries)
    inputs = triton.inputs(queries=golden.queries, values=golden.queries)
    shared = triton.module.InferInput("keys", keys.shape(), "FP32")
    shared.set_shared_memory(region.name, golden.queries.nbytes)
    inputs.insert(1, shared)
    result = triton.client.infer("minilm/0", inputs)
    assert_close(result.as_numpy("contexts"), golden.contexts)


def test_an_output_with_room_to_spare_says_its_shape(
    triton: Triton, region: Region
) -> None:
    golden = sentence(4)
    output = shared_output(triton, region, "contexts", BYTES, 0)
    result = triton.infer("minilm/0", golden.queries, outputs=[output])
    (description,) = triton.response(result)["outputs"]
    shape = tuple(map(int, description["shape"]))
    assert_close(region.read(shape), golden.contexts)


def test_a_key_may_do_without_its_slash(triton: Triton) -> None:
    golden = sentence(0)
    with Region(triton, key_prefix="") as region:
        an_input = shared_input(triton, region, golden.queries)
        result = triton.client.infer("minilm/0", [an_input])
        assert_close(result.as_numpy("contexts"), golden.contexts)


def test_status_lists_what_is_registered(
    triton: Triton, region: Region
) -> None:
    for arguments in ([], [region.name]):
        status = triton.json("get_system_shared_memory_status", *arguments)
        if triton.protocol == "grpc":
            found = status["regions"][region.name]
        else:
            (found,) = [one for one in status if one["name"] == region.name]
        assert found["key"] == region.key
        assert found.get("offset", 0) == 0
        assert found["byte_size"] == BYTES


def test_one_call_forgets_every_region(triton: Triton) -> None:
    with Region(triton) as first, Region(triton) as second:
        triton.client.unregister_system_shared_memory()
        for region in (first, second):
            with triton.refused("NOT_FOUND", region.name):
                triton.client.get_system_shared_memory_status(region.name)


def test_unregistering_what_is_not_registered_is_no_error(
    triton: Triton,
) -> None:
    triton.client.unregister_system_shared_memory("no such region")


def test_a_region_that_is_not_registered_is_not_found(triton: Triton) -> None:
    an_input = triton.module.InferInput("queries", [1, 1, 384], "FP32")
    an_input.set_shared_memory("nowhere", 1536)
    with triton.refused("NOT_FOUND", "nowhere"):
        triton.client.infer("minilm/0", [an_input])


def test_a_name_can_be_registered_once(triton: Triton, region: Region) -> None:
    with triton.refused("ALREADY_EXISTS", region.name):
        triton.client.register_system_shared_memory(
            region.name, region.key, BYTES
        )


def test_memory_that_does_not_exist_cannot_be_registered(
    triton: Triton,
) -> None:
    with triton.refused("INVALID_ARGUMENT", "/attention-absent"):
        triton.client.register_system_shared_memory(
            "absent", "/attention-absent", 64
        )


@pytest.mark.parametrize(
    ("size", "offset"), [(BYTES + 4096, 0), (BYTES, 64), (64, BYTES)]
)
def test_more_than_the_memory_has_cannot_be_registered(
    triton: Triton, region: Region, size: int, offset: int
) -> None:
    with triton.refused("INVALID_ARGUMENT", region.key):
        triton.client.register_system_shared_memory(
            "larger", region.key, size, offset
        )


def test_a_tensor_past_the_end_of_its_region_is_refused(
    triton: Triton, region: Region
) -> None:
    an_input = triton.module.InferInput("queries", [1, 4, 384], "FP32")
    an_input.set_shared_memory(region.name, 4 * 384 * 4, BYTES - 64)
    with triton.refused("INVALID_ARGUMENT", region.name):
        triton.client.infer("minilm/0", [an_input])


def test_an_input_smaller_than_its_shape_is_refused(
    triton: Triton, region: Region
) -> None:
    an_input = triton.module.InferInput("queries", [1, 4, 384], "FP32")
    an_input.set_shared_memory(region.name, 64)
    with triton.refused("INVALID_ARGUMENT", "queries", "64"):
        triton.client.infer("minilm/0", [an_input])


def test_an_output_without_room_is_refused(
    triton: Triton, region: Region
) -> None:
    golden = sentence(0)
    output = shared_output(triton, region, "contexts", 64, 0)
    with triton.refused("INVALID_ARGUMENT", "contexts", "64"):
        triton.infer("minilm/0", golden.queries, outputs=[output])
