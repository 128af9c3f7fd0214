"""Simulated clouds with live desktops behind them: for the demo and for tests, never for production."""
