"""A sentence sent by Triton's clients comes back as PyTorch computed it: one
call, tensors of each type, outputs as asked for, options as parameters."""

import ml_dtypes
import numpy as np
import pytest

from golden import (
    NUM_SENTENCES,
    TOLERANCE_OF,
    assert_close,
    attention,
    causal_mask,
    core,
    sentence,
)
from triton_client import Triton

DTYPES = {
    "FP32": np.float32,
    "FP16": np.float16,
    "BF16": ml_dtypes.bfloat16,
}
LENGTH = 15  # Of sentence 0.


@pytest.mark.parametrize("layer", range(6))
def test_every_sentence_gets_minilms_contexts(
    triton: Triton, layer: int
) -> None:
    for number in range(NUM_SENTENCES):
        golden = sentence(number, layer)
        result = triton.infer(f"minilm/{layer}", golden.queries)
        assert_close(result.as_numpy("contexts"), golden.contexts)
        assert result.as_numpy("attn_weights") is None


def test_the_second_name_of_a_model_adds_the_weights(triton: Triton) -> None:
    golden = sentence(0, layer=3)
    result = triton.infer("minilm/3@weights", golden.queries)
    assert_close(result.as_numpy("contexts"), golden.contexts)
    assert_close(result.as_numpy("attn_weights"), golden.weights)
    names = [output["name"] for output in triton.response(result)["outputs"]]
    assert names == ["contexts", "attn_weights"]


@pytest.mark.parametrize(
    "names",
    [
        ["contexts"],
        ["attn_weights"],
        ["contexts", "attn_weights"],
        ["attn_weights", "contexts"],
    ],
    ids="-".join,
)
def test_outputs_come_as_asked_for_and_in_that_order(
    triton: Triton, names: list[str]
) -> None:
    golden = sentence(1)
    result = triton.infer(
        "minilm/0@weights", golden.queries, outputs=triton.outputs(*names)
    )
    expected = {"contexts": golden.contexts, "attn_weights": golden.weights}
    outputs = triton.response(result)["outputs"]
    assert [output["name"] for output in outputs] == names
    for name in names:
        assert_close(result.as_numpy(name), expected[name])


@pytest.mark.parametrize("version", ["", "1"])
def test_the_answer_names_model_version_and_request(
    triton: Triton, version: str
) -> None:
    request_id = "Zürich/7 \u2192 2"
    result = triton.infer(
        "minilm/0",
        sentence(4).queries,
        model_version=version,
        request_id=request_id,
    )
    response = triton.response(result)
    assert response["model_name"] == "minilm/0"
    assert response["model_version"] == "1"
    assert response["id"] == request_id


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_of_each_type_come_back_in_theirs(
    triton: Triton, dtype: str
) -> None:
    queries = sentence(0).queries.astype(DTYPES[dtype])
    contexts, weights = attention(0, queries)
    result = triton.infer("minilm/0@weights", queries)
    for name, expected in [("contexts", contexts), ("attn_weights", weights)]:
        assert result.get_output(name) is not None
        assert result.as_numpy(name).dtype == DTYPES[dtype]
        assert_close(result.as_numpy(name), expected, TOLERANCE_OF[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_parameter_sets_the_type_of_the_outputs(
    triton: Triton, dtype: str
) -> None:
    golden = sentence(0)
    result = triton.infer(
        "minilm/0", golden.queries, parameters={"output_dtype": dtype}
    )
    assert result.as_numpy("contexts").dtype == DTYPES[dtype]
    assert_close(
        result.as_numpy("contexts"), golden.contexts, TOLERANCE_OF[dtype]
    )


@pytest.mark.parametrize("as_parameter", [True, False])
def test_lengths_part_a_padded_batch(
    triton: Triton, as_parameter: bool
) -> None:
    goldens = [sentence(number) for number in range(NUM_SENTENCES)]
    lengths = [golden.queries.shape[1] for golden in goldens]
    queries = np.full((len(goldens), max(lengths), 384), np.nan, np.float32)
    for row, golden in enumerate(goldens):
        queries[row, : lengths[row]] = golden.queries[0]
    tensors = {"queries": queries}
    parameters = {}
    if as_parameter:
        parameters["q_lengths"] = ",".join(map(str, lengths))
    else:
        tensors["q_lengths"] = np.array(lengths, np.int64)
    result = triton.client.infer(
        "minilm/0@weights", triton.inputs(**tensors), parameters=parameters
    )
    contexts = result.as_numpy("contexts")
    weights = result.as_numpy("attn_weights")
    for row, golden in enumerate(goldens):
        n = lengths[row]
        assert_close(contexts[row : row + 1, :n], golden.contexts)
        assert_close(weights[row : row + 1, :, :n, :n], golden.weights)
        assert not contexts[row, n:].any()


def test_packed_sentences_lie_one_after_another(triton: Triton) -> None:
    goldens = [sentence(0), sentence(1)]
    queries = np.concatenate([golden.queries[0] for golden in goldens])
    lengths = np.array([len(golden.queries[0]) for golden in goldens], np.int32)
    inputs = triton.inputs(queries=queries, q_lengths=lengths)
    result = triton.client.infer("minilm/0", inputs)
    expected = np.concatenate([golden.contexts[0] for golden in goldens])
    assert_close(result.as_numpy("contexts"), expected)


def test_is_causal_hides_what_comes_later(triton: Triton) -> None:
    queries = sentence(0).queries
    contexts, weights = attention(0, queries, mask=causal_mask(LENGTH))
    result = triton.infer(
        "minilm/0@weights", queries, parameters={"is_causal": True}
    )
    assert_close(result.as_numpy("contexts"), contexts)
    assert_close(result.as_numpy("attn_weights"), weights)


@pytest.mark.parametrize("scale", [0.05, 1, "0.25"])
def test_scale_multiplies_the_scores(
    triton: Triton, scale: float | str
) -> None:
    queries = sentence(0).queries
    contexts, _ = attention(0, queries, scale=float(scale))
    result = triton.infer("minilm/0", queries, parameters={"scale": scale})
    assert_close(result.as_numpy("contexts"), contexts)


def test_residual_adds_the_queries(triton: Triton) -> None:
    golden = sentence(0)
    result = triton.infer(
        "minilm/0", golden.queries, parameters={"residual": True}
    )
    assert_close(result.as_numpy("contexts"), golden.contexts + golden.queries)


@pytest.mark.parametrize("boolean", [True, False])
def test_a_mask_is_an_input(triton: Triton, boolean: bool) -> None:
    queries = sentence(0).queries
    sees = np.random.default_rng(6).random((LENGTH, LENGTH)) < 0.5
    sees |= np.eye(LENGTH, dtype=bool)
    added = np.where(sees, 0, -np.inf)
    mask = sees if boolean else added.astype(np.float32)
    contexts, weights = attention(0, queries, mask=added)
    inputs = triton.inputs(queries=queries, attn_mask=mask)
    result = triton.client.infer("minilm/0@weights", inputs)
    assert_close(result.as_numpy("contexts"), contexts)
    assert_close(result.as_numpy("attn_weights"), weights)


def test_weights_may_be_averaged_over_the_heads(triton: Triton) -> None:
    golden = sentence(0)
    result = triton.infer(
        "minilm/0@weights",
        golden.queries,
        parameters={"attn_weights": "head_average"},
    )
    assert_close(result.as_numpy("attn_weights"), golden.weights.mean(axis=1))


def test_keys_and_values_make_it_cross_attention(triton: Triton) -> None:
    queries, keys = sentence(0).queries, sentence(5).queries
    contexts, weights = attention(0, queries, keys, keys)
    inputs = triton.inputs(queries=queries, keys=keys, values=keys)
    result = triton.client.infer("minilm/0@weights", inputs)
    assert_close(result.as_numpy("contexts"), contexts)
    assert_close(result.as_numpy("attn_weights"), weights)


def test_sdpa_takes_heads_that_are_projected_already(triton: Triton) -> None:
    random = np.random.default_rng(7)
    shapes = {"queries": (2, 5, 4, 8), "keys": (2, 9, 4, 8)}
    shapes["values"] = (2, 9, 4, 16)
    tensors = {
        name: random.standard_normal(shape, np.float32)
        for name, shape in shapes.items()
    }
    heads = [
        tensor.astype(np.float64).transpose(0, 2, 1, 3)
        for tensor in tensors.values()
    ]
    contexts, weights = core(*heads)
    result = triton.client.infer("sdpa@weights", triton.inputs(**tensors))
    assert_close(result.as_numpy("contexts"), contexts.transpose(0, 2, 1, 3))
    assert_close(result.as_numpy("attn_weights"), weights)


def test_parameters_that_it_does_not_know_are_ignored(triton: Triton) -> None:
    golden = sentence(4)
    result = triton.infer(
        "minilm/0",
        golden.queries,
        parameters={"temperature": 0.7, "user": "me", "n": 3, "beam": False},
        sequence_id=7,
        sequence_start=True,
    )
    assert_close(result.as_numpy("contexts"), golden.contexts)


@pytest.mark.parametrize("priority", [0, 1, 3])
def test_priority_and_timeout_are_taken(triton: Triton, priority: int) -> None:
    golden = sentence(4)
    result = triton.infer(
        "minilm/0", golden.queries, priority=priority, timeout=60_000_000
    )
    assert_close(result.as_numpy("contexts"), golden.contexts)


def test_nan_and_infinity_are_numbers_too(triton: Triton) -> None:
    queries = sentence(0).queries.copy()
    queries[0, 0, :3] = [np.nan, np.inf, -np.inf]
    assert np.isnan(
        triton.infer("minilm/0", queries).as_numpy("contexts")
    ).any()
