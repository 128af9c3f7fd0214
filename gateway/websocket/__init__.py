"""WebSocket without I/O: opening handshakes, frames out, frames in (RFC 6455)."""
