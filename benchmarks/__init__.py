"""The figures of the gateway beside those of its peers, measured in one run on loopback. Run by `make bench`."""
