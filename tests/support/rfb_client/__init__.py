"""An RFB client and decoder of our own for tests, written from RFC 6143; shares no code with the gateway."""
