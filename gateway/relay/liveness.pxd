# Liveness as an extension type: see watch.pxd in sessions.

cimport cython


cdef class Liveness:
    cdef double _ping_every, _timeout, _took, _pinged, _asked
    cdef long long _received, _drained, _acknowledged, _asked_at_byte
    cdef bint _waiting
    cdef public bint judged

    cpdef bint needs_kernel(self, long long received)
