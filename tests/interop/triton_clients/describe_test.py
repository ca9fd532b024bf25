"""Every call of Triton's clients that asks about the server or a model, or
changes how it runs."""

from collections.abc import Iterator

import numpy as np
import pytest

from golden import assert_close, sentence
from server_process import ServerProcess
from triton_client import Triton

MODELS = ["sdpa"] + [f"minilm/{layer}" for layer in range(6)]
NAMES = sorted(MODELS + [f"{model}@weights" for model in MODELS])


def test_the_server_is_live_and_ready(triton: Triton) -> None:
    assert triton.client.is_server_live() is True
    assert triton.client.is_server_ready() is True


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", ["", "1"])
def test_every_model_is_ready(triton: Triton, name: str, version: str) -> None:
    assert triton.client.is_model_ready(name, version) is True


def test_a_model_that_is_not_there_is_not_ready(
    triton_grpc: Triton, triton_http: Triton
) -> None:
    assert triton_http.client.is_model_ready("bert") is False
    assert triton_http.client.is_model_ready("minilm/0", "2") is False
    with triton_grpc.refused("NOT_FOUND", "bert"):
        triton_grpc.client.is_model_ready("bert")


def test_the_server_says_what_it_is_and_what_works(triton: Triton) -> None:
    metadata = triton.json("get_server_metadata")
    assert metadata["name"] == "attention-server"
    assert metadata["version"]
    extensions = set(metadata["extensions"])
    works = {
        "model_repository",
        "model_configuration",
        "system_shared_memory",
        "binary_tensor_data",
        "parameters",
        "statistics",
        "logging",
    }
    assert works <= extensions
    absent = {"cuda_shared_memory", "trace", "sequence", "classification"}
    assert not absent & extensions


@pytest.mark.parametrize("suffix", ["", "@weights"])
def test_metadata_names_required_inputs_and_all_outputs(
    triton: Triton, suffix: str
) -> None:
    metadata = triton.json("get_model_metadata", f"minilm/0{suffix}", "1")
    assert metadata["name"] == f"minilm/0{suffix}"
    assert metadata["versions"] == [1] or metadata["versions"] == ["1"]
    assert metadata["platform"]
    queries = {"name": "queries", "datatype": "FP32", "shape": [-1, -1, 384]}
    assert metadata["inputs"] == [queries]
    outputs = [{"name": "contexts", "datatype": "FP32", "shape": [-1, -1, 384]}]
    if suffix:
        shape = [-1, 12, -1, -1]
        weights = {"name": "attn_weights", "datatype": "FP32", "shape": shape}
        outputs.append(weights)
    assert metadata["outputs"] == outputs


def test_sdpa_declares_keys_and_values_too(triton: Triton) -> None:
    metadata = triton.json("get_model_metadata", "sdpa")
    inputs = [tensor["name"] for tensor in metadata["inputs"]]
    assert inputs == ["queries", "keys", "values"]


@pytest.mark.parametrize("suffix", ["", "@weights"])
def test_the_configuration_agrees_with_the_metadata(
    triton: Triton, suffix: str
) -> None:
    name = f"minilm/0{suffix}"
    metadata = triton.json("get_model_metadata", name)
    config = triton.json("get_model_config", name)
    if triton.protocol == "grpc":
        config = config["config"]
    assert config["name"] == name
    assert config["max_batch_size"] > 0
    assert "dynamic_batching" in config
    for kind in ("input", "output"):
        tensors = [
            {"name": tensor["name"], "dims": tensor["dims"]}
            for tensor in config[kind]
            if not tensor.get("optional")
        ]
        assert tensors == [
            {"name": tensor["name"], "dims": tensor["shape"][1:]}
            for tensor in metadata[kind + "s"]
        ]
        assert {tensor["data_type"] for tensor in config[kind]} == {"TYPE_FP32"}


@pytest.mark.parametrize(
    "call", ["get_model_metadata", "get_model_config", "load_model"]
)
def test_what_is_asked_of_an_unknown_model_is_not_found(
    triton: Triton, call: str
) -> None:
    with triton.refused("NOT_FOUND", "bert"):
        getattr(triton.client, call)("bert")


def test_statistics_of_an_unknown_model_are_refused(triton: Triton) -> None:
    with triton.refused("NOT_FOUND", "bert"):
        triton.client.get_inference_statistics("bert")


def test_statistics_count_what_was_asked(triton: Triton) -> None:
    def statistics() -> dict:
        models = triton.json("get_inference_statistics", "minilm/5", "1")
        (model,) = models["model_stats"]
        assert (model["name"], model["version"]) == ("minilm/5", "1")
        return model

    def count(model: dict, name: str) -> int:
        return model["inference_stats"].get(name, {}).get("count", 0)

    queries = np.concatenate([sentence(4).queries] * 3)
    triton.infer("minilm/5", queries)
    before = statistics()
    for _ in range(4):
        triton.infer("minilm/5", queries)
    with triton.refused("INVALID_ARGUMENT"):
        triton.infer("minilm/5", queries[:, :, :7])
    after = statistics()
    for name in ("success", "queue", "compute_input", "compute_infer"):
        assert count(after, name) - count(before, name) == 4, name
    assert count(after, "compute_output") == count(after, "compute_infer")
    assert count(after, "fail") - count(before, "fail") == 1
    assert after["inference_count"] - before["inference_count"] == 12
    executions = after["execution_count"] - before["execution_count"]
    assert 1 <= executions <= 4
    assert after["last_inference"] > 1_600_000_000_000


def test_statistics_of_all_models_come_together(triton: Triton) -> None:
    models = triton.json("get_inference_statistics")["model_stats"]
    assert sorted(model["name"] for model in models) == NAMES


def test_the_index_lists_every_model(triton: Triton) -> None:
    index = triton.json("get_model_repository_index")
    models = index.get("models", []) if triton.protocol == "grpc" else index
    assert sorted(model["name"] for model in models) == NAMES
    for model in models:
        assert (model["version"], model["state"]) == ("1", "READY")


@pytest.fixture(params=["grpc", "http"])
def own_triton(request: pytest.FixtureRequest) -> Iterator[Triton]:
    """Of a server of its own, for models that come and go."""
    with ServerProcess() as server, Triton(request.param, server) as client:
        yield client


def test_a_model_can_be_unloaded_and_loaded_again(own_triton: Triton) -> None:
    client, golden = own_triton.client, sentence(0, layer=2)
    client.unload_model("minilm/2")
    with own_triton.refused("NOT_FOUND", "minilm/2"):
        own_triton.infer("minilm/2", golden.queries)
    assert client.is_server_ready()
    own_triton.infer("minilm/1", golden.queries)
    client.load_model("minilm/2")
    assert client.is_model_ready("minilm/2")
    result = own_triton.infer("minilm/2@weights", golden.queries)
    assert_close(result.as_numpy("contexts"), golden.contexts)
    assert_close(result.as_numpy("attn_weights"), golden.weights)


def test_loading_a_model_that_is_there_keeps_it(triton: Triton) -> None:
    golden = sentence(0, layer=4)
    triton.client.load_model("minilm/4")
    result = triton.infer("minilm/4", golden.queries)
    assert_close(result.as_numpy("contexts"), golden.contexts)


def test_a_model_cannot_be_loaded_from_the_request(triton: Triton) -> None:
    with triton.refused("INVALID_ARGUMENT", "config"):
        triton.client.load_model("minilm/0", config='{"max_batch_size": 1}')


def test_log_settings_are_read_and_changed(triton: Triton) -> None:
    def verbose() -> int:
        settings = triton.json("get_log_settings")
        if triton.protocol == "grpc":
            value = settings["settings"]["log_verbose_level"]
            return value.get("uint32_param", 0)
        return settings["log_verbose_level"]

    assert verbose() == 0
    triton.client.update_log_settings({"log_verbose_level": 1})
    assert verbose() == 1
    triton.client.update_log_settings({"log_verbose_level": 0})
    assert verbose() == 0


def test_traces_are_not_implemented(triton: Triton) -> None:
    with triton.refused("UNIMPLEMENTED"):
        triton.client.get_trace_settings()
    with triton.refused("UNIMPLEMENTED"):
        triton.client.update_trace_settings(settings={"trace_rate": "1"})


def test_cuda_memory_is_not_implemented(triton: Triton) -> None:
    with triton.refused("UNIMPLEMENTED"):
        triton.client.get_cuda_shared_memory_status()
    with triton.refused("UNIMPLEMENTED"):
        triton.client.register_cuda_shared_memory("r", b"aGFuZGxl", 0, 64)
    # Triton's own examples begin with it.
    triton.client.unregister_cuda_shared_memory()
