"""perf_analyzer, Triton's own load tester: every way of sending that it has,
and the server-side statistics that it asks for around each measurement."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from commands import PERF_ANALYZER, run
from server_process import ServerProcess

MODELS = ["minilm/0", "minilm/0@weights"]
SERVER_COLUMNS = [
    "Server Queue",
    "Server Compute Input",
    "Server Compute Infer",
    "Server Compute Output",
]
# Three windows in a row that agree more or less: this proves that it works, and
# not how fast. Not --request-count: it forgets the answers that come before its
# first look (ProfileHelper clears the records of threads that already send),
# and then waits for that many for ever.
WINDOWS = ["--measurement-mode", "count_windows", "-p", 500]
WINDOWS += ["--measurement-request-count", 30, "-s", 900, "-r", 20]


def measure(
    server: ServerProcess,
    folder: Path,
    *flags: object,
    model: str = "minilm/0",
    protocol: str = "grpc",
    shapes: tuple[str, ...] = ("queries:16,384",),
) -> list[dict[str, str]]:
    """The rows of its table, one for each load."""
    table = folder / "table.csv"
    address = server.grpc if protocol == "grpc" else server.http
    shape_flags = [word for shape in shapes for word in ("--shape", shape)]
    result = run(
        PERF_ANALYZER,
        *["-m", model, "-i", protocol, "-u", address],
        *[*shape_flags, "-f", table, *WINDOWS, *flags],
    )
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    assert "Failed" not in said, said
    with table.open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert float(row["Inferences/Second"]) > 0, said
        # In microseconds, so that the smallest may be 0.
        times = [float(row[column]) for column in SERVER_COLUMNS]
        assert times[2] > 0, said
    return rows


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("model", MODELS)
def test_a_sweep_over_concurrencies(
    server: ServerProcess, tmp_path: Path, protocol: str, model: str
) -> None:
    rows = measure(
        server,
        tmp_path,
        *["--concurrency-range", "1:4"],
        model=model,
        protocol=protocol,
    )
    concurrencies = sorted(int(row["Concurrency"]) for row in rows)
    assert concurrencies == [1, 2, 3, 4]


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_request_rate(
    server: ServerProcess, tmp_path: Path, protocol: str
) -> None:
    rows = measure(
        server,
        tmp_path,
        *["--request-rate-range", "50:100:50"],
        protocol=protocol,
    )
    assert [float(row["Request Rate"]) for row in rows] == [50, 100]


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("model", MODELS)
def test_batches_of_eight(
    server: ServerProcess, tmp_path: Path, protocol: str, model: str
) -> None:
    measure(server, tmp_path, "-b", 8, model=model, protocol=protocol)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("model", MODELS)
def test_asynchronous_calls(
    server: ServerProcess, tmp_path: Path, protocol: str, model: str
) -> None:
    flags = ["--async", "--concurrency-range", "8:8"]
    measure(server, tmp_path, *flags, model=model, protocol=protocol)


@pytest.mark.parametrize("model", MODELS)
def test_a_stream(server: ServerProcess, tmp_path: Path, model: str) -> None:
    flags = ["--async", "--streaming", "--concurrency-range", "4:4"]
    measure(server, tmp_path, *flags, model=model)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("model", MODELS)
def test_tensors_in_shared_memory(
    server: ServerProcess, tmp_path: Path, protocol: str, model: str
) -> None:
    flags = ["--shared-memory", "system", "--concurrency-range", "2:2"]
    # An output may take as much as that.
    flags += ["--output-shared-memory-size", 200_000]
    measure(server, tmp_path, *flags, model=model, protocol=protocol)


@pytest.mark.parametrize("data", ["random", "zero"])
def test_its_own_data(server: ServerProcess, tmp_path: Path, data: str) -> None:
    """Random means random bytes, so that there are NaN and infinity in it."""
    measure(server, tmp_path, "--input-data", data)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_three_inputs(
    server: ServerProcess, tmp_path: Path, protocol: str
) -> None:
    shapes = tuple(f"{name}:16,4,8" for name in ("queries", "keys", "values"))
    measure(server, tmp_path, model="sdpa", protocol=protocol, shapes=shapes)


def test_tensors_as_json(server: ServerProcess, tmp_path: Path) -> None:
    flags = ["--input-tensor-format", "json", "--output-tensor-format", "json"]
    measure(server, tmp_path, *flags, protocol="http")


def test_compressed_messages(server: ServerProcess, tmp_path: Path) -> None:
    measure(server, tmp_path, "--grpc-compression-algorithm", "gzip")


def test_parameters_of_the_request(
    server: ServerProcess, tmp_path: Path
) -> None:
    flags = ["--request-parameter", "is_causal:true:bool"]
    flags += ["--request-parameter", "scale:0.5:double", "-x", "1"]
    measure(server, tmp_path, *flags)


def test_metrics_are_read_beside(server: ServerProcess, tmp_path: Path) -> None:
    url = f"{server.metrics}/metrics"
    measure(server, tmp_path, "--collect-metrics", "--metrics-url", url)


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["-m", "bert"], "bert"),
        (["-m", "minilm/0", "-x", "2"], 'no version "2"'),
        (["-m", "minilm/0", "--trace-level", "TIMESTAMPS"], "no traces"),
        (["-m", "minilm/0"], "dynamic shape"),
        (
            ["-m", "minilm/0", "--shape", "queries:16,384"]
            + ["--request-parameter", "scale:wide:string"],
            "scale",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_work_ends_it_and_says_why(
    server: ServerProcess, flags: list[str], text: str
) -> None:
    result = run(PERF_ANALYZER, "-i", "grpc", "-u", server.grpc, *flags)
    assert result.returncode != 0
    assert text in result.stdout + result.stderr
