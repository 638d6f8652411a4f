"""What the server bears: latency, throughput, batches, lists, its start and its memory, beside two yardsticks in the same run.

    python -m benchmarks.load                 (needs `wrk`: apt-get install wrk)

Workload: a synthetic company of 2,000 deals with its champions in the cache, served by `dealcast serve`; each posted deal is one
of its open deals with its whole history, as a CRM would send it, another one each time. The yardsticks: a FastAPI route that does
nothing, on the same server software, and `mlflow models serve` with the same booster behind it, which gets one row of ready-made
signals as numbers. All traffic is on 127.0.0.1, and whatever drives it shares the machine's cores with the servers.

* at 100 requests a second (open loop): median and 99th percentile of the real route and of the empty one;
* throughput at 16 and 64 connections (closed loops), with `reasons: false`, with reasons as they come by default, and of both
  yardsticks; each server is driven in turn, round by round, and the medians of the rounds are shown. Beside them the processor
  time that a request costs the server: a busy machine moves it less than the requests a second;
* a batch of 500 deals with their histories, and the list of 50 from 100,000 open deals with filters and a cursor;
* from start to ready, what of it is imports, and the memory of the server's processes.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.load_client import Closed, Exchange, closed, exchange, free_port, opened, timed
from benchmarks.load_servers import LISTED, Running, dealcast, import_seconds, running
from benchmarks.posted import requests
from features.clock import micros
from features.dataset import Dataset
from features.deals import deal_signals
from features.snapshot import Snapshot
from features.store import Store
from features.synthetic import Settings as CompanySettings
from features.synthetic import generate
from serving.cli.demo import source_of
from serving.registry.champions import TARGETS, cache_below
from serving.settings import Settings
from training import bundle
from training.run import fit

N_DEALS = 2_000
BATCH = 500
PER_SECOND = 100
EMPTY, MLFLOW, PLAIN, REASONS = "empty route", "mlflow models serve", "one deal", "one deal, reasons"


@dataclass(frozen=True)
class Target:
    """A route to drive: where it is, and what it is sent."""

    name: str
    server: Running
    path: str
    bodies: Sequence[bytes]


def main() -> None:
    options = _options()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not there: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = options.home or Path(folder)
        company, champion = prepared(home)
        print(f"imports {import_seconds():.1f} s")
        command, port, environment = dealcast(home, *options.serve)
        server = stack.enter_context(running(command, port, Exchange("GET", "/readyz"), environment))
        print(f"start to ready {server.seconds:.1f} s; resident {_megabytes(server)} MB")
        deals = [deal.model_dump(mode="json", exclude_defaults=True) for deal in requests(company, options.deals)]
        targets = [*_own(server, deals), stack.enter_context(_empty(deals))]
        if not options.without_mlflow:
            targets.append(stack.enter_context(_mlflow(Path(folder), company, champion)))
        _latency(targets, options.seconds)
        _throughput(targets, options)
        _batch(port, deals)
        print(f"after the load: resident {_megabytes(server)} MB")
        _list(home)


def _options() -> Any:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, help="A folder to keep the company and its champions in, for the next run.")
    parser.add_argument("--seconds", type=int, default=5, help="How long each loop runs.")
    parser.add_argument("--rounds", type=int, default=3, help="How often each closed loop runs.")
    parser.add_argument("--deals", type=int, default=190, help="How many different open deals are posted.")
    parser.add_argument("--without-mlflow", action="store_true")
    parser.add_argument("--serve", nargs=argparse.REMAINDER, default=[], help="Options of `dealcast serve`, last.")
    return parser.parse_args()


def prepared(home: Path) -> tuple[Dataset, bundle.Bundle]:
    """The company in the store and its champions in the cache, unless they are there."""
    company, settings = generate(CompanySettings(n_deals=N_DEALS)).dataset(), Settings(home=home)
    if not (cache_below(home) / "deals" / "current").exists():
        home.mkdir(parents=True, exist_ok=True)
        Store(settings.store_url, settings.store_cache).replace(source_of(company))
        for target in TARGETS:
            folder = cache_below(home) / target
            bundle.save(fit(company, target, company.ends_at), folder / "1")
            (folder / "current").write_text("1", encoding="utf-8")
    return company, bundle.load(cache_below(home) / "deals" / "1")


def _own(server: Running, deals: Sequence[dict[str, Any]]) -> list[Target]:
    plain = [json.dumps({"deals": deal, "reasons": False}).encode() for deal in deals]
    return [
        Target(PLAIN, server, "/v1/score", plain),
        Target(REASONS, server, "/v1/score", [json.dumps({"deals": deal}).encode() for deal in deals]),
    ]


@contextmanager
def _empty(deals: Sequence[dict[str, Any]]) -> Iterator[Target]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.load_servers", "empty", str(port)]
    bodies = [json.dumps({"deals": deal}).encode() for deal in deals]
    with running(command, port, Exchange("POST", "/")) as server:
        yield Target(EMPTY, server, "/", bodies)


@contextmanager
def _mlflow(folder: Path, company: Dataset, champion: bundle.Bundle) -> Iterator[Target]:
    """The champion's booster as an MLflow model, and rows of its matrix as requests."""
    import mlflow.lightgbm

    model, at = champion.models["deals"], company.ends_at
    signals = deal_signals(Snapshot(company, at))
    matrix = np.nan_to_num(model.matrix(signals, np.full(len(signals), micros(at), dtype=np.int64), 1))
    mlflow.lightgbm.save_model(model.booster, folder / "mlflow", pip_requirements=["lightgbm"])
    columns, port = model.encoding.names, free_port()
    bodies = [json.dumps({"dataframe_split": {"columns": columns, "data": [row.tolist()]}}).encode() for row in matrix]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(folder / "mlflow"), "-p", str(port)]
    path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}  # it looks there for uvicorn
    with running([*command, "--env-manager", "local"], port, Exchange("GET", "/ping"), path) as server:
        yield Target(MLFLOW, server, "/invocations", bodies)


def _latency(targets: Sequence[Target], seconds: int) -> None:
    print(f"\nopen loop, {PER_SECOND} requests a second:     p50 ms   p99 ms   refused")
    for target in targets:
        asked = [Exchange("POST", target.path, body) for body in target.bodies]
        timed(target.server.port, asked[:20])
        seen = opened(target.server.port, asked, PER_SECOND, seconds)
        print(f"{target.name:<36} {seen.p50:>9.1f} {seen.p99:>8.1f} {seen.refused:>9}", flush=True)


def _throughput(targets: Sequence[Target], options: Any) -> None:
    print("\nclosed loops:          connections  requests/s   p50 ms   p99 ms   refused  CPU ms  x mlflow  x empty")
    for connections in (16, 64):
        seen: dict[str, list[tuple[Closed, float]]] = {target.name: [] for target in targets}
        for _ in range(options.rounds):
            for target in targets:
                seen[target.name].append(_driven(target, connections, options.seconds))
        speed = {name: _median(runs, lambda run: run[0].per_second) for name, runs in seen.items()}
        for name, runs in seen.items():
            ratios = [f"{speed[name] / speed[base]:>8.2f}" if base in speed else " " * 8 for base in (MLFLOW, EMPTY)]
            times = [_median(runs, lambda run: run[0].p50), _median(runs, lambda run: run[0].p99)]
            refused, cost = sum(run[0].refused for run in runs), _median(runs, lambda run: run[1])
            figures = f"{connections:>11} {speed[name]:>11.0f} {times[0]:>8.1f} {times[1]:>8.1f} {refused:>9} {cost:>7.2f}"
            print(f"{name:<22} {figures}  {'  '.join(ratios)}", flush=True)


def _driven(target: Target, connections: int, seconds: int) -> tuple[Closed, float]:
    """What a closed loop saw, and the processor time that a request cost the server, in ms."""
    before = target.server.processor()
    found = closed(target.server.port, target.path, target.bodies, connections, seconds)
    return found, (target.server.processor() - before) * 1e3 / (found.per_second * seconds)


def _median(runs: Sequence[tuple[Closed, float]], figure: Callable[[tuple[Closed, float]], float]) -> float:
    return statistics.median(figure(run) for run in runs)


def _batch(port: int, deals: Sequence[dict[str, Any]]) -> None:
    """Deals over and over, each time with ids and accounts of their own."""
    many = [{**deals[n % len(deals)], "deal_id": f"B-{n}", "account_id": f"B-{n // 3}"} for n in range(BATCH)]
    for deal in many:
        deal["activities"] = [{**each, "activity_id": None} for each in deal.get("activities", ())]
    asked = Exchange("POST", "/v1/score", json.dumps({"deals": many}).encode())
    status, body = exchange(port, asked)
    reasons = {result["reason"] for result in json.loads(body)["results"]} if status == 200 else {status}
    taken = timed(port, [asked] * 10)
    print(
        f"\n{BATCH} deals, {len(asked.body) / 2**20:.1f} MB: median {statistics.median(taken):.0f} ms, longest {max(taken):.0f}"
    )
    print(f"({reasons=})")


def _list(home: Path) -> None:
    port = free_port()
    with running(
        [sys.executable, "-m", "benchmarks.load_servers", "list", str(home), str(port)], port, Exchange("GET", "/readyz")
    ):
        first = json.loads(exchange(port, Exchange("GET", "/v1/deals"))[1])
        stage, owner = first["items"][0]["stage"], first["items"][0]["owner_id"]
        paths = ["/v1/deals", f"/v1/deals?cursor={first['next_cursor']}", f"/v1/deals?owner_id={owner}"]
        paths.append(f"/v1/deals?stage={stage.replace(' ', '%20')}&limit=50")
        taken = timed(port, [Exchange("GET", path) for path in paths] * 25)[len(paths) :]
    found = f"median {statistics.median(taken):.1f} ms, p99 {np.quantile(taken, 0.99):.1f} ms"
    print(f"\nlist of 50 from {LISTED:,} open deals: {found}")


def _megabytes(server: Running) -> str:
    return " + ".join(f"{each:.0f}" for each in server.resident())


if __name__ == "__main__":
    main()
