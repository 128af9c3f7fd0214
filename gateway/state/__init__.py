"""What replicas share: in one process (`memory`), or in Redis or Valkey (`redis`)."""
