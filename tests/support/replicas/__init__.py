"""Several gateways on one Redis, what is behind them, and who looks at it through them."""
