"""`python -m gateway` is `vnc-gateway`."""

from gateway.cli import main

main()
