"""A desktop drawn in Python and an RFB server for it."""
