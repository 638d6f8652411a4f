"""Faults that are really caused: to the files below a running server, to its database, to the disk, to its connections."""

import os
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from features.dataset import Dataset
from features.errors import DealcastError
from features.store import Store
from serving.cli.demo import source_of
from serving.registry.champions import cache_below
from tests.serving.running import NOWHERE, Running, another_champion, children, furnish, name_current, serving, until
from training import fetch
from training.registry import Champion


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory, company: Dataset, trained_home: Path) -> Path:
    home = furnish(tmp_path_factory.mktemp("faults"), company, trained_home)
    store = Store(f"sqlite:///{home}/store.db", home / "cache" / "store")
    store.load()  # leaves the copy that a later start falls back to
    store.close()
    return home


@pytest.fixture
def home(furnished: Path, tmp_path: Path) -> Path:
    """A home of the test's own: store, copy of the store, champions. The copy knows the store by its URL, so that goes along."""
    shutil.copytree(furnished, tmp_path / "home")
    return tmp_path / "home"


def ready(server: Running) -> dict[str, str]:
    answer: dict[str, str] = server.ask("/readyz").json()
    return answer


def metric(server: Running, name: str) -> float:
    """0 where nothing was counted yet."""
    lines = server.ask("/metrics").body.decode().splitlines()
    found = [line.rsplit(" ", 1)[1] for line in lines if line.startswith((f"{name} ", f"{name}{{"))]
    return float(found[0]) if found else 0.0


def spoil(store: Path) -> None:
    """Make a database file one that is none, while it may be open."""
    with store.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        file.write(b"\xff" * size)
    store.with_name("store.db-wal").unlink(missing_ok=True)


def stall(server: Running) -> socket.socket:
    """A request whose body never comes."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    connection.sendall(
        b"POST /v1/score HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    )
    return connection


def test_a_running_server_survives_what_happens_to_its_files(home: Path) -> None:
    store = home / "store.db"
    with serving(home) as server, stall(server) as stalled:
        before, pid = server.ask("/v1/deals?limit=5").json(), server.process.pid
        until(lambda: ready(server)["registry"] == "stale")  # the registry is gone from the start
        assert (ready(server)["store"], metric(server, "store_up"), metric(server, "registry_up")) == ("fresh", 1.0, 0.0)

        another_champion(home, "2")
        flipped = bytearray((cache_below(home) / "deals" / "2" / "bundle.json").read_bytes())
        flipped[len(flipped) // 2] ^= 1
        (cache_below(home) / "deals" / "2" / "bundle.json").write_bytes(flipped)
        name_current(home, "2")
        until(lambda: metric(server, "models_rejected_total") == 1.0)

        spoil(store)
        time.sleep(1.0)  # several looks at the store; an open connection may go on answering from its own memory
        assert server.ask("/v1/deals?limit=5").json() == before
        assert (server.process.pid, ready(server)["model_version"]) == (pid, "1")
        assert stalled.recv(100).startswith(b"HTTP/1.1 408")
        assert any("model rejected" in line for line in server.said)
        assert stop_under_load(server) == 0


def stop_under_load(server: Running) -> int:
    """The exit code; every request that was taken was answered."""
    statuses: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            try:
                statuses.append(server.ask("/v1/deals?limit=1").status)
            except (ConnectionRefusedError, ConnectionResetError):  # not taken any more
                return

    clients = [threading.Thread(target=ask) for _ in range(3)]
    for client in clients:
        client.start()
    until(lambda: len(statuses) > 20)
    code = server.stop()
    over.set()
    for client in clients:
        client.join()
    assert set(statuses) == {200}
    return code


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing below the folder can be written, not even by root."""
    if os.geteuid():
        subprocess.run(["chmod", "-R", "a-w", str(folder)], check=True)
        yield
        subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
        return
    if subprocess.run(["mount", "--bind", str(folder), str(folder)], capture_output=True).returncode:
        pytest.skip("root writes everywhere, and nothing can be mounted here")
    subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_start_with_a_read_only_home_a_spoilt_store_and_no_registry(furnished: Path) -> None:
    kept = (furnished / "store.db").read_bytes()
    spoil(furnished / "store.db")
    try:
        with read_only(furnished), serving(furnished) as server:
            assert (ready(server)["store"], metric(server, "store_up")) == ("stale", 0.0)
            assert server.ask("/v1/deals?limit=1").status == 200
            assert server.stop() == 0
    finally:
        (furnished / "store.db").write_bytes(kept)


class OneChampion:
    """A registry of which only the files of one champion matter."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def champion(self, target: str) -> Champion:
        return Champion(target, "2", self.path)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 4
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
@pytest.mark.parametrize("name", ["bundle.json", "deals.lgb"])
def test_a_damaged_model_in_the_registry_never_becomes_current(home: Path, tmp_path: Path, damage: object, name: str) -> None:
    shutil.copytree(cache_below(home) / "deals" / "1", tmp_path / "registry")
    damage(tmp_path / "registry" / name)  # type: ignore[operator]
    with pytest.raises(DealcastError):
        fetch.fetch(OneChampion(tmp_path / "registry"), "deals", cache_below(home))  # type: ignore[arg-type]
    assert (cache_below(home) / "deals" / "current").read_text() == "1"
    assert not (cache_below(home) / "deals" / "2").exists()


def test_a_model_damaged_in_the_cache_is_copied_again(home: Path, tmp_path: Path) -> None:
    shutil.copytree(cache_below(home) / "deals" / "1", tmp_path / "registry")
    shutil.copytree(cache_below(home) / "deals" / "1", cache_below(home) / "deals" / "2")
    flip(cache_below(home) / "deals" / "2" / "deals.lgb")
    assert fetch.fetch(OneChampion(tmp_path / "registry"), "deals", cache_below(home)) == "2"  # type: ignore[arg-type]


def test_a_full_disk_leaves_the_champion_that_was(home: Path, tmp_path: Path) -> None:
    shutil.copytree(cache_below(home) / "deals" / "1", tmp_path / "registry")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises((OSError, shutil.Error)):
            fetch.fetch(OneChampion(tmp_path / "registry"), "deals", cache_below(home))  # type: ignore[arg-type]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (cache_below(home) / "deals" / "current").read_text() == "1"
    assert not (cache_below(home) / "deals" / "2").exists()


class Cluster:
    """A PostgreSQL server of the test's own, which can be stopped and frozen."""

    def __init__(self, folder: Path, owner: str | None) -> None:
        self.folder, self.owner = folder, owner
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @property
    def url(self) -> str:
        return f"postgresql://dealcast@127.0.0.1:{self.port}/postgres"

    def run(self, *command: str) -> None:
        log = subprocess.DEVNULL
        subprocess.run(command, check=True, user=self.owner, cwd=self.folder, stdout=log, stderr=log)

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")

    def signal(self, number: int) -> None:
        first = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(first, number)  # frozen, it starts no more
        for pid in children(first):
            with suppress(ProcessLookupError):  # one of them has just ended
                os.kill(pid, number)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    if shutil.which("initdb") is None:
        pytest.skip("no PostgreSQL here: initdb is not on the path")
    owner = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a path of a socket is short, and its owner has to get there
    if owner:
        os.chown(folder, pwd.getpwnam(owner).pw_uid, -1)
    made = Cluster(folder, owner)
    made.run("initdb", "-D", str(folder / "data"), "-U", "dealcast", "-A", "trust", "-N")
    made.start()
    yield made
    made.signal(signal.SIGCONT)
    made.stop()
    shutil.rmtree(folder)


@pytest.mark.postgres
def test_a_database_that_hangs_or_is_down_is_outlived(home: Path, cluster: Cluster, company: Dataset) -> None:
    store = Store(cluster.url, home / "cache" / "store")
    store.replace(source_of(company))
    store.load()
    store.close()
    cluster.signal(signal.SIGSTOP)  # it takes connections, and never says a word
    with serving(home, DEALCAST_STORE_URL=cluster.url, DEALCAST_TRACKING_URI=NOWHERE) as server:
        assert ready(server)["store"] == "stale"
        cluster.signal(signal.SIGCONT)
        until(lambda: ready(server)["store"] == "fresh")
        cluster.stop()
        until(lambda: ready(server)["store"] == "stale")
        assert server.ask("/v1/deals?limit=1").status == 200
        cluster.start()
        until(lambda: ready(server)["store"] == "fresh")
        cluster.signal(signal.SIGSTOP)
        until(lambda: ready(server)["store"] == "stale")
        assert server.ask("/v1/deals?limit=1").status == 200
        assert server.stop() == 0
