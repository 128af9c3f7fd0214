"""Carrying a browser's RFB stream over from one upstream connection to the next, unnoticed (rfb.md §2 to §6).

A splice in the order in which it happens: `finish` what the browser has half of; while `away`, only remember what it
asks for; `join` the next server, which `replay`s that to it and reads it through a `joined` stream. `instead` does what
the next server lacks. `seam` holds what all of them share, `report` what was added, dropped and rewritten.
"""
