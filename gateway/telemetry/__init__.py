"""What the gateway tells about itself: metrics, logs, the audit trail, traces."""
