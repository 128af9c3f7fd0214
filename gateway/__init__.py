"""One stable WebSocket address for the VNC consoles of cloud VMs."""

__version__ = "0.1.0"
