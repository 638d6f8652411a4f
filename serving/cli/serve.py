"""`dealcast serve`: put settings, socket and server together.

What is slow to import is imported inside the command, and with several workers not in this process at all.
"""

import os
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from socket import socket

    from serving.settings import Settings

app = typer.Typer()


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="How many processes answer. Default: 1.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="No key needed, this machine only.")] = False,
) -> None:
    """Serve the page and the HTTP API."""
    from serving.cli.keys import somebody_is_admin
    from serving.operations import logs
    from serving.process.listener import address, listen
    from serving.settings import check_servable, read, secrets_of

    settings = read(host=host, port=port, workers=workers, demo=demo or None)
    check_servable(settings, somebody_is_admin)
    logs.configure(settings.log_level, settings.log_style, secrets_of(settings))
    os.environ.setdefault("OMP_NUM_THREADS", str(settings.threads))
    listener = listen(settings.host, settings.port)
    typer.echo(f"Dealcast listens on {address(listener)}", err=True)
    with listener:
        raise typer.Exit(_several(settings, listener) if settings.workers > 1 else _one(settings, listener))


def _one(settings: "Settings", listener: "socket") -> int:
    from serving.process import lean

    lean.load_lightgbm()
    from serving.process import server

    server.run(server.open_runtime(settings), settings, listener)
    return 0


def _several(settings: "Settings", listener: "socket") -> int:
    from serving.operations import run_folder
    from serving.process import workers

    with run_folder.opened(settings.home, listener.getsockname()[1]) as folder:
        return workers.run(settings, listener, folder)
