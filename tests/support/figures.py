"""Lines that tests have measured, for the end of the run."""

FIGURES: list[str] = []
