"""Who may open which console, and what they may do there."""
