"""Both servers at all chosen loads, turn by turn."""

from __future__ import annotations

import argparse
import contextlib
import resource
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median

from peers import roster, workload
from peers.measure import BusyElsewhere, Files, HasCpu
from peers.workload import Workload
from safetensors.numpy import save_file

from . import answers, feeds, repository, servers, table, triton_server
from .client_program import ClientProgram
from .feeds import Feed
from .load_client import LoadClient, OwnTurn
from .loads import LOADS, Load
from .perf_analyzer import Measured, PerfAnalyzer
from .results import Chosen, EngineTurn, Results, Round, Row
from .servers import Server, ServerError

# A layer's largest error that is still the same answer, relative to the
# largest magnitude.
TOLERANCE = 1e-4
# Both servers compute on as many, and perf_analyzer runs on the same.
CORES = 2
# Of a turn that only finds Triton's fastest setup, or warms a server up.
TRIAL_SHARE = 1 / 3


class _OwnCpu:
    """What this process and its ended children have used."""

    def cpu_seconds(self) -> float:
        seconds = 0.0
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
            usage = resource.getrusage(who)
            seconds += usage.ru_utime + usage.ru_stime
        return seconds


class Contest:
    """Fills `results`, which hold what there is when measure() raises."""

    def __init__(self, options: argparse.Namespace, results: Results) -> None:
        self._options = options
        self._results = results
        self._loads = [load for load in LOADS if load.name in options.loads]
        self._cpus = roster.distinct_cores()[:CORES]
        self._busy = BusyElsewhere()

    def measure(self) -> None:
        """Raises ServerError, PerfAnalyzerError or PeerError."""
        with tempfile.TemporaryDirectory(prefix="serving-") as name:
            self._folder = Path(name)
            self._files = Files(self._folder)
            with self._started():
                self._results.cores = len(self._cpus)
                self._results.cpu = self._engine.ask("info")["cpu"]
                table.print_heading(self._results)
                for load in self._loads:
                    row = self._measure_load(load)
                    self._results.rows.append(row)
                    self._results.busy_elsewhere = self._busy.cores
                    table.print_row(row)

    def _work(self, load: Load) -> Workload:
        model, inputs = self._files.paths(load.case)
        return workload.read(str(model), str(inputs))

    @contextlib.contextmanager
    def _started(self) -> Iterator[None]:
        options = self._options
        models = self._folder / "models"
        models.mkdir()
        cases = {load.case.name: load for load in self._loads}
        for name, load in cases.items():
            for padded in {False, load.case.ragged}:
                work = self._work(load)
                repository.write(models, name, work, padded, len(self._cpus))
        own = {
            name: self._files.paths(load.case)[0]
            for name, load in cases.items()
        }
        self._perf = PerfAnalyzer(
            ClientProgram(options.perf_analyzer, self._folder, self._cpus)
        )
        self._load_client = LoadClient(
            ClientProgram(options.load, self._folder, self._cpus)
        )
        self._engine = roster.our_process(
            options.runner, self._cpus, len(self._cpus), "any"
        )
        with contextlib.ExitStack() as stack:
            stack.callback(self._engine.close)
            self._engine.start()
            self._ours = stack.enter_context(
                servers.ours(options.server, own, self._folder, self._cpus)
            )
            self._triton = stack.enter_context(
                triton_server.started(models, self._folder, self._cpus)
            )
            for server in (self._ours, self._triton):
                with server.awake():
                    pass
            yield

    def _error(self, server: Server, load: Load, feed: Feed) -> float:
        """Of an answer, against double precision."""
        path = self._folder / "answer.safetensors"
        with server.awake():
            save_file(
                {"contexts": answers.contexts(server.address, feed)}, path
            )
        error = self._files.file_error(load.case, path)
        path.unlink()
        if not error <= TOLERANCE:
            raise ServerError(
                f"{server.label}: {load.name}: the answer is off by "
                f"{error:.1e}, allowed is {TOLERANCE:.0e}"
            )
        return error

    def _turn(self, server: Server, feed: Feed, seconds: float) -> Measured:
        with server.awake():
            return self._perf.measure(server.address, feed, seconds)

    def _own_turn(self, load: Load, seconds: float) -> OwnTurn:
        with self._ours.awake():
            return self._load_client.measure(self._ours.address, load, seconds)

    def _engine_turn(self, load: Load, seconds: float) -> EngineTurn:
        answer = self._engine.ask("run", seconds=seconds, requests=load.clients)
        runs = answer["seconds"]
        sequences = len(runs) * len(load.case.q_lengths)
        return EngineTurn(sequences / answer["elapsed"], median(runs))

    def _our_feeds(self, load: Load) -> list[tuple[str, Feed]]:
        """What this server may be fastest with, each with a title."""
        ways = [feeds.packed, feeds.padded, feeds.one_by_one]
        return [
            (feed.title, feed)
            for way in (ways if load.case.ragged else [feeds.equal])
            for feed in [way(self._work(load), load.case.name, load.clients)]
        ]

    def _triton_feeds(self, load: Load) -> list[tuple[str, Feed]]:
        """The same of Triton."""
        ways = [(feeds.padded_for_triton, True), (feeds.one_by_one, False)]
        if not load.case.ragged:
            ways = [(feeds.equal, False)]
        found = []
        for setup in repository.setups(len(self._cpus)):
            for way, padded in ways:
                model = repository.model_name(load.case.name, padded, setup)
                feed = way(self._work(load), model, load.clients)
                title = ", ".join(filter(None, [feed.title, setup.title]))
                found.append((title, feed))
        return found

    def _fastest(
        self, server: Server, load: Load, choice: list[tuple[str, Feed]]
    ) -> Chosen:
        """Checks the answers to all, and warms the server up."""
        errors: dict[str, float] = {}
        tried: dict[str, float] = {}
        for title, feed in choice:
            errors[title] = self._error(server, load, feed)
            seconds = self._options.seconds * TRIAL_SHARE
            turn = self._turn(server, feed, seconds)
            tried[title] = turn.sequences_per_second
        title, feed = max(choice, key=lambda chosen: tried[chosen[0]])
        return Chosen(title, feed, errors[title], tried)

    def _measure_load(self, load: Load) -> Row:
        seconds = self._options.seconds
        ours = self._fastest(self._ours, load, self._our_feeds(load))
        triton = self._fastest(self._triton, load, self._triton_feeds(load))
        model, inputs = self._files.paths(load.case)
        self._engine.ask(
            "load", model=model, inputs=inputs, threads=len(self._cpus)
        )
        self._engine_turn(load, seconds * TRIAL_SHARE)
        rounds = []
        everybody: list[HasCpu] = [self._ours, self._triton]
        everybody += [self._engine, _OwnCpu()]
        for _ in range(self._options.rounds):
            with self._busy.watch(everybody):
                rounds.append(
                    Round(
                        self._turn(self._ours, ours.feed, seconds),
                        self._turn(self._triton, triton.feed, seconds),
                        self._own_turn(load, seconds / 2),
                        self._engine_turn(load, seconds / 2),
                    )
                )
        return Row.of(load, rounds, ours, triton)


def versions() -> dict[str, str]:
    return {name: version(name) for name in ("nvidia-pytriton", "onnxruntime")}
