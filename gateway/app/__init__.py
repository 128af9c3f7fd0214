"""The only place that constructs and wires; one function for each command."""

from gateway.app.demonstrating import demo
from gateway.app.serving import inspect, resolve, serve
from gateway.app.simulating import simulate
from gateway.app.wiring import running

__all__ = ["demo", "inspect", "resolve", "running", "serve", "simulate"]
