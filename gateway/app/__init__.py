"""The only place that constructs and wires; one function for each command."""

from gateway.app.demo import demo
from gateway.app.serve import resolve, serve
from gateway.app.simulate import simulate

__all__ = ["demo", "resolve", "serve", "simulate"]
