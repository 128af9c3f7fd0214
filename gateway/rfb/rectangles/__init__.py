"""The layout of rectangles after their header (RFC 6143 §7.7, §7.8, rfbproto), one module for each family.

Owns lengths and nothing else: no module here knows of streams, sessions or what is forwarded.
"""
