"""Real VNC servers, and what stands in front of them, started for a test."""
