# syntax=docker/dockerfile:1
# The server, and the commands that fill and train it, as one image: no development tools, no compiler, no shell script, no root.
#   docker build -t dealcast .
#   docker run --rm --read-only --tmpfs /tmp -v dealcast:/data -p 127.0.0.1:8000:8000 -e DEALCAST_API_KEY dealcast

FROM python:3.11.14-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml requirements.lock ./
COPY docker/lock_subset.py docker/
# Every package is pinned and checked by hash, the tool that builds our own wheel included.
RUN python docker/lock_subset.py --project --extra otel > service.lock \
 && python docker/lock_subset.py hatchling > build.lock \
 && python -m venv /opt/dealcast \
 && /opt/dealcast/bin/pip install --no-cache-dir --require-hashes -r service.lock \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r build.lock
COPY README.md LICENSE ./
COPY features features
COPY training training
COPY serving serving
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir wheels . \
 && /opt/dealcast/bin/pip install --no-cache-dir --no-deps --no-index --find-links wheels dealcast \
 && /opt/dealcast/bin/pip uninstall --yes pip \
 && find /opt/dealcast -type d -name tests -path '*site-packages*' -prune -exec rm -r {} + \
 && python -m compileall -q /opt/dealcast/lib

FROM python:3.11.14-slim-bookworm
# LightGBM's threads. Debian keeps one version of a package in a release, so a pinned one would be gone with its next update.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin dealcast \
 && install -d -o dealcast -g dealcast /data
COPY --from=build /opt/dealcast /opt/dealcast
ENV PATH=/opt/dealcast/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OMP_WAIT_POLICY=PASSIVE \
    MALLOC_ARENA_MAX=2 \
    MPLCONFIGDIR=/tmp \
    DO_NOT_TRACK=true \
    MLFLOW_DISABLE_TELEMETRY=true \
    MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false \
    DEALCAST_HOME=/data \
    DEALCAST_HOST=0.0.0.0
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["dealcast"]
CMD ["serve"]
