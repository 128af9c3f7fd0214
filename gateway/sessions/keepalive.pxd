# Compiled as it is: see watch.pxd in sessions.
