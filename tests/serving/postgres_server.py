"""A PostgreSQL server of a test's own, which it may stop."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class PostgresServer:
    """A server in a folder of its own."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.binaries, self.folder = binaries, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._call("initdb", "-D", "data", "-U", "dealcast", "-A", "trust", "--no-sync")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://dealcast@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -h 127.0.0.1 -c max_connections=20 -c shared_buffers=8MB"
        self._call("pg_ctl", "start", "-D", "data", "-w", "-l", "log", "-o", options)

    def stop(self) -> None:
        """Drop every connection, as a crash does."""
        self._call("pg_ctl", "stop", "-D", "data", "-m", "immediate")

    def _call(self, program: str, *arguments: str) -> None:
        # PostgreSQL refuses to run as root.
        user = "postgres" if os.geteuid() == 0 else None
        subprocess.run([self.binaries / program, *arguments], cwd=self.folder, user=user, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server that runs; skips the test where PostgreSQL is not installed."""
    found = shutil.which("initdb") or next(iter(sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")))), None)
    if found is None:
        pytest.skip("PostgreSQL's programs are not installed")
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() == 0:
            shutil.chown(name, "postgres")
        server = PostgresServer(Path(found).parent, Path(name))
        server.start()
        yield server
        server.stop()
