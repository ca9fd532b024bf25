"""How much a core of attention-load sends, beside ghz, turn by turn.

Both send the same small request to null_server, which answers at once, so that
only the clients are measured: requests for each second of CPU time of the
client, from its start to its end. Then attention-load alone with megabytes: how
much passes both ways.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

METHOD = "attention.v1.AttentionService.Attend"
EMBED_DIM = 384
LARGE_TOKENS = 8192  # 12.6 MB each way
SMALL = {"distinct": 4, "mixes": [{"lengths": 1}]}
LARGE = {"distinct": 2, "mixes": [{"lengths": LARGE_TOKENS}]}


@contextmanager
def null_server(binary: str, tokens: int) -> Iterator[str]:
    with subprocess.Popen(
        [binary, str(tokens)], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        port = server.stdout.readline().strip().removeprefix("grpc_port=")
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()


def field(number: int, wire_type: int, value: bytes) -> bytes:
    tag = bytes([number << 3 | wire_type])
    return tag + value if wire_type == 0 else tag + varint(len(value)) + value


def varint(value: int) -> bytes:
    encoded = b""
    while value > 0x7F:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def small_request() -> bytes:
    """An AttendRequest of one token, as ghz takes it from a file."""
    shape = b"".join(varint(n) for n in (1, 1, EMBED_DIM))
    data = struct.pack(f"<{EMBED_DIM}f", *[0.5] * EMBED_DIM)
    tensor = field(1, 0, varint(1)) + field(2, 2, shape) + field(3, 2, data)
    return field(1, 2, b"minilm/0") + field(3, 2, tensor)


def run(command: list[str]) -> str:
    """What it printed. Any exit code will do: attention-load returns 4 when it
    was the bottleneck, as it is meant to be."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if not result.stdout:
        raise SystemExit(f"{' '.join(command)}: {result.stderr.strip()}")
    return result.stdout


def children_cpu() -> float:
    times = os.times()
    return times.children_user + times.children_system


def ghz_turn(ghz: str, target: str, folder: Path, seconds: int) -> float:
    """Answered requests for each second of CPU time, start and report included."""
    command = [ghz, "--insecure", "--proto", "proto/attention/v1/attention.proto"]
    command += ["--call", METHOD, "--binary-file", str(folder / "request.bin")]
    command += ["-z", f"{seconds}s", "--duration-stop", "wait", "-O", "json"]
    # Its best of two dozen settings.
    command += ["-c", "400", "--connections", "4", "--cpus", "1"]
    command += ["--disable-template-functions", "--disable-template-data", target]
    cpu = children_cpu()
    report = json.loads(run(command))
    return report["statusCodeDistribution"].get("OK", 0) / (children_cpu() - cpu)


def run_load(load: str, target: str, workload: Path, *arguments: str) -> dict:
    report = workload.with_suffix(".report")
    command = [load, "run", "--quiet", "--target", target, "--json", str(report)]
    run([*command, "--workload", str(workload), *arguments])
    return json.loads(report.read_text())["step"]


def load_turn(
    load: str, target: str, folder: Path, seconds: int, *arguments: str
) -> float:
    """The same of attention-load."""
    flags = ["--concurrency", "400", "--connections", "4", "--warm-up", "0"]
    flags += ["--duration", str(seconds), *arguments]
    cpu = children_cpu()
    step = run_load(load, target, folder / "small.json", *flags)
    return step["answered"] / (children_cpu() - cpu)


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench load", description=__doc__)
    parser.add_argument("--load", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--null-server", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--ghz", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--turns", type=int, default=5, help="of each (5)")
    parser.add_argument("--seconds", type=int, default=4, help="of a turn (4)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "request.bin").write_bytes(small_request())
        (folder / "small.json").write_text(json.dumps(SMALL))
        (folder / "large.json").write_text(json.dumps(LARGE))
        print("Requests of 1.5 KB for each second of CPU time of the client:")
        print(f"{'turn':<6}{'ghz':>10}{'calls':>10}{'streams':>10}")
        turns = []
        with null_server(options.null_server, 1) as target:
            for turn in range(1, options.turns + 1):
                rates = [
                    ghz_turn(options.ghz, target, folder, options.seconds),
                    load_turn(options.load, target, folder, options.seconds),
                    load_turn(
                        options.load, target, folder, options.seconds, "--streams", "8"
                    ),
                ]
                turns.append(rates)
                print(f"{turn:<6}" + "".join(f"{rate:>10,.0f}" for rate in rates))
        calls = median(rates[1] / rates[0] for rates in turns)
        streams = median(rates[2] / rates[0] for rates in turns)
        print(f"median ratio to ghz: calls {calls:.2f}, streams {streams:.2f}")
        with null_server(options.null_server, LARGE_TOKENS) as target:
            flags = ["--concurrency", "8", "--connections", "2"]
            step = run_load(options.load, target, folder / "large.json", *flags)
        print(
            f"Requests and answers of {LARGE_TOKENS * EMBED_DIM * 4 / 1e6:.1f} MB: "
            f"{step['bytes_sent_per_s'] / 1e6:,.0f} MB/s there and "
            f"{step['bytes_received_per_s'] / 1e6:,.0f} MB/s back "
            f"with {step['client_cores']:.2f} cores"
        )


if __name__ == "__main__":
    main()
