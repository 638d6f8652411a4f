"""Traces by OpenTelemetry, where somebody asks for them: spans of requests, of scoring, and of loading from the store.

Off by default: without an endpoint nothing of OpenTelemetry is even imported, and `span` costs nothing. With
`DEALCAST_OTEL_ENDPOINT`, or the standard `OTEL_EXPORTER_OTLP_ENDPOINT`, spans go there as OTLP over HTTP. It needs the extra
`otel`.

The spans of requests are made here and not by the instrumentation for FastAPI: that one writes down addresses, and they hold the
ids of deals. Here a span knows its route's template, as the log does.
"""

import os
from collections.abc import Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from features.errors import UsageError
from serving.operations.logs import REQUEST_ID
from serving.operations.observe import QUIET, route_of
from serving.settings import Settings

STANDARD: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
EXTRA: Final = "Traces need the extra 'otel': pip install 'dealcast[otel]', or leave DEALCAST_OTEL_ENDPOINT unset."

_tracer: Any = None
"""What makes spans; None while nobody asked for any."""


def wanted(settings: Settings) -> bool:
    """Whether an endpoint is set."""
    return settings.otel_endpoint is not None or any(os.environ.get(name) for name in STANDARD)


def configure(settings: Settings, exporter: Any = None) -> Any:
    """Begin to make spans, where they are wanted; what provides them, None where they are not.

    `exporter` takes the place of the one that sends them to the endpoint. Raises UsageError where the extra is not installed.
    """
    global _tracer
    if not wanted(settings) and exporter is None:
        return None
    try:
        provider = _provider(settings, exporter)
    except ImportError:
        raise UsageError(EXTRA) from None
    _tracer = provider.get_tracer("dealcast")
    return provider


def stop() -> None:
    """Make no more spans."""
    global _tracer
    _tracer = None


def span(name: str, **attributes: str | int | float) -> AbstractContextManager[Any]:
    """A span around a piece of work, inside the one that is current; nothing at all while traces are off."""
    return nullcontext() if _tracer is None else _tracer.start_as_current_span(name, attributes=attributes)


class Traced:
    """A span for each request but those of probes. Plain ASGI, around everything that answers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _tracer is None or scope["type"] != "http" or scope["path"] in QUIET:
            await self.app(scope, receive, send)
            return
        with _request_span(scope) as current:

            async def send_noted(message: MutableMapping[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    current.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await self.app(scope, receive, send_noted)


@contextmanager
def _request_span(scope: Scope) -> Iterator[Any]:
    """A child of the span that the sender names, in the terms of OpenTelemetry's conventions for HTTP."""
    from opentelemetry.propagate import extract
    from opentelemetry.trace import SpanKind

    context = extract(dict(Headers(scope=scope)))
    attributes = {"http.request.method": scope["method"], "dealcast.request_id": REQUEST_ID.get()}
    with _tracer.start_as_current_span(scope["method"], context, SpanKind.SERVER, attributes) as current:
        yield current
        current.update_name(f"{scope['method']} {route_of(scope)}")
        current.set_attribute("http.route", route_of(scope))


def _provider(settings: Settings, exporter: Any) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if exporter is None:
        own = settings.otel_endpoint
        exporter = OTLPSpanExporter(endpoint=f"{own.rstrip('/')}/v1/traces" if own else None)
    resource = Resource.create({"service.name": "dealcast", "service.version": version("dealcast")})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
