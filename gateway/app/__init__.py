"""The only place that constructs and wires; one module for each command."""
