# ClientStream as an extension type.

cimport cython
cimport gateway.rfb.wire as wire
from gateway.rfb.framing cimport Framing
from gateway.rfb.memory cimport Memory


cdef class ClientStream(Framing):
    cdef public Memory memory
    cdef public object policy
    cdef public long long messages, human_messages
    cdef dict _plain

    @cython.locals(kind=int, length=Py_ssize_t, end=Py_ssize_t, plain=tuple)
    cpdef Py_ssize_t _advance(self, object view, Py_ssize_t at, Py_ssize_t limit, list out) except -1

    cdef Py_ssize_t _any_message(self, object view, Py_ssize_t at, Py_ssize_t limit, list out) except -1
