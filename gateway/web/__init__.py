"""The listeners: console page, grants, the WebSocket upgrade, health; metrics and the admin API."""
