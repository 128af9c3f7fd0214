"""What an operator may set: models, loading, checking and the JSON Schema of the configuration."""
