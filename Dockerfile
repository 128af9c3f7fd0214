# The gateway as an image: docker build -t vnc-gateway .
# Runs as nobody in particular and writes nowhere: start it with a read-only root (deploy/compose.yaml does).

FROM python:3.13-slim-bookworm AS build
# For the compiled framing. npm for the console page comes from PyPI with the build's own dependencies.
# Not pinned: Debian keeps one version of a package, and a pinned one is gone with the next.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
# Without pip of its own: it is of no use in the image.
RUN python -m venv --without-pip /opt/vnc-gateway
WORKDIR /src
COPY pyproject.toml hatch_build.py README.md LICENSE NOTICE ./
COPY web web
COPY gateway gateway
# --build-arg EXTRAS=[otel] for traces.
ARG EXTRAS=""
# What is installed is this checkout, which has one version.
# hadolint ignore=DL3013
RUN pip --python /opt/vnc-gateway/bin/python install --no-cache-dir ".$EXTRAS"
# An install without a compiler is a slower one, not a failed one: here it is a failed one.
WORKDIR /
RUN /opt/vnc-gateway/bin/python -c \
    'import gateway.cli; from gateway.compiled.loader import framing; assert framing() == "compiled", framing()'

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="vnc-gateway" \
      org.opencontainers.image.description="One stable WebSocket address for the VNC consoles of cloud machines" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/vnc-gateway /opt/vnc-gateway
# Health is asked for on a port of its own, without TLS, whatever the rest of the configuration says.
ENV PATH="/opt/vnc-gateway/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    VNC_GATEWAY_ADMIN__METRICS_PORT=9100
# By number: Kubernetes cannot tell that a name is not root.
USER 65532:65532
WORKDIR /etc/vnc-gateway
EXPOSE 8080 9090 9100
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9100/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["vnc-gateway"]
CMD ["serve", "--config", "/etc/vnc-gateway/gateway.toml"]
