# Leg and its two kinds as extension types: input is hundreds of small messages a second, each through all of this.

from gateway.relay.tls cimport Tls


cdef class Leg:
    cdef public object _buffer, _transport, _abort, _ended, _on_end, peer
    cdef public Tls _tls
    cdef public bint _closing, _reading, blocked
    cdef public long long bytes_in, bytes_out

    cpdef object take_read(self, Py_ssize_t nbytes)

    cpdef object _received_sealed(self, Tls tls, object view, Py_ssize_t nbytes)

    cpdef object received(self, object data)

    cpdef object yield_turn(self)

    cpdef object write(self, bytes data)

    cpdef object write_views(self, object spans, Py_ssize_t size)
