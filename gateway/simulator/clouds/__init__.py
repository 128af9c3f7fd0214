"""The APIs of the two clouds, their one-time addresses and the WebSocket proxies behind these."""
