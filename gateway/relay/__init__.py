"""Two legs and the byte loop between them: flow control, liveness, keepalive."""
