"""Spans of requests and of what happens inside them, received as a collector would."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from features.errors import UsageError
from serving.api import create_app
from serving.operations import traces
from serving.served.runtime import Runtime
from serving.settings import Settings


@pytest.fixture(autouse=True)
def _off_again() -> Iterator[None]:
    yield
    traces.stop()


def spans_of(runtime: Runtime, home: Path, path: str, **headers: str) -> list[ReadableSpan]:
    """The spans of one request."""
    settings, exporter = Settings(home=home, demo=True), InMemorySpanExporter()
    provider = traces.configure(settings, exporter)
    with TestClient(create_app(runtime, settings, watching=False), base_url="http://127.0.0.1") as client:
        client.get(path, headers=headers)
    provider.shutdown()
    return list(exporter.get_finished_spans())


def test_a_request_is_a_span_that_knows_its_template_and_no_id(runtime: Runtime, trained_home: Path) -> None:
    (span,) = spans_of(runtime, trained_home, "/v1/deals/D-secret-42?horizon_days=7", **{"X-Request-ID": "abc-3"})
    assert span.name == "GET /v1/deals/{deal_id:path}"
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/v1/deals/{deal_id:path}",
        "http.response.status_code": 404,
        "dealcast.request_id": "abc-3",
    }
    assert "D-secret-42" not in span.to_json()


def test_it_continues_the_senders_trace(runtime: Runtime, trained_home: Path) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    (span,) = spans_of(runtime, trained_home, "/v1/deals", traceparent=parent)
    assert span.parent is not None
    assert (f"{span.context.trace_id:x}", f"{span.parent.span_id:016x}") == (parent.split("-")[1], parent.split("-")[2])


def test_loading_and_scoring_are_spans(company: object, trained_home: Path) -> None:
    from serving.registry.champions import Champions
    from tests.serving.conftest import MemorySource

    exporter = InMemorySpanExporter()
    provider = traces.configure(Settings(home=trained_home, demo=True), exporter)
    Runtime(MemorySource(company), Champions(trained_home)).refresh()  # type: ignore[arg-type]
    provider.shutdown()
    assert {"store.load", "score.pipeline", "score.clients"} <= {span.name for span in exporter.get_finished_spans()}


def test_probes_make_no_spans(runtime: Runtime, trained_home: Path) -> None:
    assert spans_of(runtime, trained_home, "/healthz") == []


def test_spans_arrive_at_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("DEALCAST_OTEL_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        provider = traces.configure(Settings())
        with traces.span("score", deals=3):
            pass
        provider.shutdown()
        server.shutdown()
    sent = ExportTraceServiceRequest.FromString(received[0])
    assert [each.name for part in sent.resource_spans[0].scope_spans for each in part.spans] == ["score"]


def test_off_by_default_and_on_by_either_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert traces.configure(Settings()) is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    assert traces.wanted(Settings())
    assert traces.wanted(Settings(otel_endpoint="http://127.0.0.1:9"))


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(UsageError, match=r"dealcast\[otel\]"):
        traces.configure(Settings(otel_endpoint="http://127.0.0.1:9"))
