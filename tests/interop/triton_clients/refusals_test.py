"""What Triton's clients send that can never succeed is refused with Triton's
code, and a text that says what was wrong and what is allowed."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from golden import assert_close, sentence
from server_process import ServerProcess
from triton_client import Triton

QUERIES = sentence(4).queries


def test_an_unknown_model_is_not_found(triton: Triton) -> None:
    with triton.refused("NOT_FOUND", "minilm/9", "minilm/0"):
        triton.infer("minilm/9", QUERIES)


@pytest.mark.parametrize("version", ["2", "99999999"])
def test_an_unknown_version_is_not_found(triton: Triton, version: str) -> None:
    with triton.refused("NOT_FOUND", version):
        triton.infer("minilm/0", QUERIES, model_version=version)


def test_a_version_that_is_no_number_is_refused(triton: Triton) -> None:
    with triton.refused("NOT_FOUND", "newest"):
        triton.infer("minilm/0", QUERIES, model_version="newest")


def test_a_wrong_width_names_both_widths(triton: Triton) -> None:
    with triton.refused("INVALID_ARGUMENT", "queries", "512", "384"):
        triton.infer("minilm/0", np.zeros((1, 4, 512), np.float32))


@pytest.mark.parametrize("shape", [(384,), (1, 1, 4, 384)], ids=str)
def test_a_wrong_rank_is_refused(
    triton: Triton, shape: tuple[int, ...]
) -> None:
    with triton.refused("INVALID_ARGUMENT", "queries", str(len(shape))):
        triton.infer("minilm/0", np.zeros(shape, np.float32))


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.uint8, bool])
def test_a_type_that_it_does_not_take_is_refused(
    triton: Triton, dtype: type
) -> None:
    with triton.refused("INVALID_ARGUMENT", "queries", "FP32"):
        triton.infer("minilm/0", np.zeros((1, 4, 384), dtype))


def test_text_is_refused(triton: Triton) -> None:
    with triton.refused("INVALID_ARGUMENT", "queries", "BYTES"):
        triton.infer("minilm/0", np.array([[[b"hello"]]], np.object_))


def test_fewer_bytes_than_the_shape_takes_are_refused(triton: Triton) -> None:
    inputs = triton.inputs(queries=QUERIES)
    inputs[0].set_shape([1, 400, 384])
    with triton.refused("INVALID_ARGUMENT", "queries", "6144", "153600"):
        triton.client.infer("minilm/0", inputs)


@pytest.mark.parametrize(
    "shape", [[1, -1, 384], [2**31, 2**31, 384], [1, 2**62, 384]], ids=str
)
def test_a_shape_that_nothing_can_have_is_refused(
    triton: Triton, shape: list[int]
) -> None:
    inputs = triton.inputs(queries=QUERIES)
    inputs[0].set_shape(shape)
    with triton.refused("INVALID_ARGUMENT", "queries"):
        triton.client.infer("minilm/0", inputs)


def test_an_unknown_input_is_refused(triton: Triton) -> None:
    inputs = triton.inputs(queries=QUERIES, input_ids=QUERIES)
    with triton.refused("INVALID_ARGUMENT", "input_ids", "queries"):
        triton.client.infer("minilm/0", inputs)


def test_an_input_twice_is_refused(triton: Triton) -> None:
    inputs = triton.inputs(queries=QUERIES) + triton.inputs(queries=QUERIES)
    with triton.refused("INVALID_ARGUMENT", "queries"):
        triton.client.infer("minilm/0", inputs)


def test_a_request_without_inputs_is_refused(triton: Triton) -> None:
    with triton.refused("INVALID_ARGUMENT", "queries"):
        triton.client.infer("minilm/0", [])


def test_keys_without_values_are_refused(triton: Triton) -> None:
    inputs = triton.inputs(queries=QUERIES, keys=QUERIES)
    with triton.refused("INVALID_ARGUMENT", "values"):
        triton.client.infer("minilm/0", inputs)


def test_an_unknown_output_is_refused(triton: Triton) -> None:
    with triton.refused("INVALID_ARGUMENT", "logits", "contexts"):
        triton.infer("minilm/0", QUERIES, outputs=triton.outputs("logits"))


def test_weights_are_no_output_of_the_first_name(triton: Triton) -> None:
    with triton.refused("INVALID_ARGUMENT", "attn_weights", "minilm/0@weights"):
        triton.infer(
            "minilm/0", QUERIES, outputs=triton.outputs("attn_weights")
        )


def test_an_output_twice_is_refused(triton: Triton) -> None:
    outputs = triton.outputs("contexts", "contexts")
    with triton.refused("INVALID_ARGUMENT", "contexts"):
        triton.infer("minilm/0", QUERIES, outputs=outputs)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("is_causal", "perhaps"),
        ("scale", "wide"),
        ("q_lengths", "3,x"),
        ("q_lengths", "500"),
        ("q_lengths", "1,1"),
        ("output_dtype", "FP8"),
        ("compute_dtype", "BF16"),
        ("attn_weights", "some"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(
    triton: Triton, name: str, value: str
) -> None:
    with triton.refused("INVALID_ARGUMENT", name):
        triton.infer("minilm/0@weights", QUERIES, parameters={name: value})


def test_classification_is_refused(triton: Triton) -> None:
    outputs = [triton.module.InferRequestedOutput("contexts", class_count=3)]
    with triton.refused("INVALID_ARGUMENT", "classification"):
        triton.infer("minilm/0", QUERIES, outputs=outputs)


def test_a_timeout_that_has_passed_is_unavailable(triton: Triton) -> None:
    queries = np.zeros((1, 4096, 384), np.float32)
    with triton.refused("UNAVAILABLE", "timeout"):
        triton.infer("minilm/0", queries, timeout=1)


@pytest.fixture(scope="module")
def small_server() -> Iterator[ServerProcess]:
    with ServerProcess("--max-request-bytes=65536") as process:
        yield process


def test_a_request_over_the_limit_is_refused(
    small_server: ServerProcess,
) -> None:
    queries = np.zeros((1, 64, 384), np.float32)
    with Triton("grpc", small_server) as triton:
        with triton.refused("RESOURCE_EXHAUSTED", "65536"):
            triton.infer("minilm/0", queries)
        triton.infer("minilm/0", QUERIES)


def test_a_body_over_the_limit_is_refused(small_server: ServerProcess) -> None:
    with Triton("http", small_server) as triton:
        queries = np.zeros((1, 64, 384), np.float32)
        with pytest.raises(InferenceServerException, match="65536"):
            triton.infer("minilm/0", queries)
        triton.infer("minilm/0", QUERIES)


def test_a_refusal_leaves_the_connection_open(triton: Triton) -> None:
    golden = sentence(4)
    calls: list[Callable[[], object]] = [
        lambda: triton.infer("minilm/9", QUERIES),
        lambda: triton.infer("minilm/0", QUERIES.astype(np.float64)),
        lambda: triton.infer("minilm/0", QUERIES[:, :, :5]),
    ]
    for call in calls:
        with pytest.raises(InferenceServerException):
            call()
        result = triton.infer("minilm/0", golden.queries)
        assert_close(result.as_numpy("contexts"), golden.contexts)
