"""The story of one console: locate, dial, handshake, relay, close; and the list of what is open."""
