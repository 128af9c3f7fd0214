"""`PYTHONPATH=tests pytest -p support.interpreted`: the gateway's own source is run, whatever is compiled."""

import sys

import gateway.compiled.loader

assert not any(name.startswith(("gateway.rfb", "gateway.websocket")) for name in sys.modules), "too late"
gateway.compiled.loader.prefer_interpreted()
