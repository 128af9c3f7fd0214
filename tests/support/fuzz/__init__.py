"""What `make fuzz` feeds to the gateway's parsers, and what must hold for any bytes whatever."""
