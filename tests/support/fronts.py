"""Real load balancers in front of a gateway: nginx and HAProxy, each with its own way of telling who the client is.

A `Way` says what the gateway has to be told to go with it. Proxies connect from 127.0.0.1, clients from elsewhere
on loopback, so that the two are never taken for each other.
"""

import contextlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from support.certificates import Certificate
from support.components import program
from support.programs import LOOPBACK, Program, listens, running


@dataclass(frozen=True, slots=True)
class Way:
    """`proxy`: nginx or haproxy. `gateway_tls`: the gateway has TLS of its own. `header`: the PROXY header's version,
    0: the client's address is in HTTP. `through`: the proxy relays TLS as it comes."""

    proxy: str
    gateway_tls: bool = False
    header: int = 0
    through: bool = False

    def __str__(self) -> str:
        kind = f"PROXY v{self.header}" if self.header else "X-Forwarded-For"
        tls = "TLS through" if self.through else "TLS twice" if self.gateway_tls else "TLS ends"
        return f"{self.proxy}, {kind}, {tls}"


WAYS = (
    Way("nginx", gateway_tls=True),
    Way("haproxy"),
    Way("haproxy", gateway_tls=True, header=1, through=True),
    Way("haproxy", gateway_tls=True, header=2, through=True),
    Way("haproxy", gateway_tls=True, header=2),
)


def environment(way: Way, certificate: Certificate, front: int) -> dict[str, str]:
    """What [listen] needs behind a front on port `front`."""
    said = {"PUBLIC_URL": f"https://{LOOPBACK}:{front}", "TRUSTED_PROXIES": LOOPBACK}
    if way.header:
        said["PROXY_PROTOCOL"] = "true"
    if way.gateway_tls:
        said |= {"TLS__CERTIFICATE": str(certificate.certificate), "TLS__KEY": str(certificate.key)}
    return {f"VNC_GATEWAY_LISTEN__{key}": value for key, value in said.items()}


@contextlib.asynccontextmanager
async def front(way: Way, certificate: Certificate, port: int, gateway: int, directory: Path) -> AsyncIterator[Program]:
    """Run the proxy on `port`, in front of a gateway on port `gateway`."""
    directory.mkdir(parents=True, exist_ok=True)
    argv: list[str | Path]
    if way.proxy == "nginx":
        file = directory / "nginx.conf"
        file.write_text(_nginx(way, certificate, port, gateway, directory))
        argv = [program("nginx"), "-c", file, "-p", directory]
    else:
        both = directory / "front.pem"  # HAProxy wants one file
        both.write_bytes(certificate.certificate.read_bytes() + certificate.key.read_bytes())
        file = directory / "haproxy.cfg"
        file.write_text(_haproxy(way, certificate, port, gateway, both))
        argv = [program("haproxy"), "-db", "-f", file]
    async with running(way.proxy, argv, logs=directory, ready=lambda: listens(port)) as process:
        yield process


def _nginx(way: Way, certificate: Certificate, port: int, gateway: int, directory: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "\n".join(f"  {kind}_temp_path {directory}/{kind};" for kind in kinds)
    verify = f"proxy_ssl_trusted_certificate {certificate.authority}; proxy_ssl_verify on; proxy_ssl_name localhost;"
    return f"""
daemon off;
{"user root;" if os.geteuid() == 0 else ""}
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1000; }}
http {{
{paths}
  access_log off;
  server {{
    listen {LOOPBACK}:{port} ssl;
    ssl_certificate {certificate.certificate};
    ssl_certificate_key {certificate.key};
    location / {{
      proxy_pass {"https" if way.gateway_tls else "http"}://{LOOPBACK}:{gateway};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_read_timeout 1h;
      {verify if way.gateway_tls else ""}
    }}
  }}
}}
"""


def _haproxy(way: Way, certificate: Certificate, port: int, gateway: int, both: Path) -> str:
    bind = "" if way.through else f" ssl crt {json.dumps(str(both))}"
    server = {0: "", 1: " send-proxy", 2: " send-proxy-v2"}[way.header]
    if way.gateway_tls and not way.through:
        server += f" ssl verify required ca-file {json.dumps(str(certificate.authority))}"
    return f"""
global
  maxconn 1000
defaults
  mode {"tcp" if way.through else "http"}
  {"" if way.header else "option forwardfor"}
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
frontend browsers
  bind {LOOPBACK}:{port}{bind}
  default_backend gateways
backend gateways
  server one {LOOPBACK}:{gateway}{server} check inter 200ms
"""
