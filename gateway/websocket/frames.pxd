# What the legs call for every message that leaves.

cimport gateway.websocket.wire as wire

cdef int _BINARY

cpdef bytes binary_header(Py_ssize_t length)

cpdef bytes masked_binary(object payload, bytes mask)
