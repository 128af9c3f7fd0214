"""One stable WebSocket address for the VNC consoles of cloud VMs."""

from gateway.compiled.loader import prefer_compiled

__version__ = "0.1.0"

prefer_compiled()  # here, since it is about imports: before any module that may be compiled
