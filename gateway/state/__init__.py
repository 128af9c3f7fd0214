"""What replicas share. For now one process: `memory`."""
