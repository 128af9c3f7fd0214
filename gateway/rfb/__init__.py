"""The RFB protocol (RFC 6143 and its community extensions) without I/O: bytes in, values out.

Owns framing in both directions, the two handshakes, and what must be remembered to carry a session over to
another server. Leaves sockets, clocks, randomness and logs to the floors above.
"""
