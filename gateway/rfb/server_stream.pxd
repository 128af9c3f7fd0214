# Compiled as it is: ServerStream and JoinedStream stay Python's own classes, for an object can change its class only
# among those.
