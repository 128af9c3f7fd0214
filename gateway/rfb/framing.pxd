# Framing as an extension type: its subclasses may be compiled, too (updates), or not (server_stream, client_stream).
# What an interpreted subclass calls or overrides is cpdef; the rest is called by C alone.

cimport cython
cimport gateway.rfb.wire as wire


cdef class Framing:
    cdef public bytearray _tail
    cdef public Py_ssize_t _need, _span, _glimpse

    @cython.locals(unfinished=Py_ssize_t, missing=Py_ssize_t)
    cpdef object receive_all(self, object chunks, list out)

    @cython.locals(at=Py_ssize_t, limit=Py_ssize_t)
    cpdef object receive(self, object data, list out)

    cpdef Py_ssize_t _advance(self, object view, Py_ssize_t at, Py_ssize_t limit, list out) except -1

    cpdef object _joined(self)

    @cython.locals(limit=Py_ssize_t)
    cdef Py_ssize_t _scan(self, object view, Py_ssize_t at, Py_ssize_t until, list out) except -1

    @cython.locals(
        at=Py_ssize_t, limit=Py_ssize_t, before=Py_ssize_t, missing=Py_ssize_t, taken=Py_ssize_t, end=Py_ssize_t,
        tail=bytearray,
    )
    cdef Py_ssize_t _join(self, object data, list out) except -1

    cpdef object _flush(self, object view, Py_ssize_t upto, list out)

    cpdef object _replace(self, object view, Py_ssize_t begin, Py_ssize_t end, object parts, list out)
