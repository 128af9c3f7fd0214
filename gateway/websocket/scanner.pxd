# Scanner as an extension type: a read costs its calls, not its frames. What the tests' broken scanners override is cpdef.

cimport cython
from gateway.websocket.runs cimport masked, unmasked

cdef int NEED_MORE, RESERVED_BITS, OPCODE_BITS, CONTROL_BIT


cdef class Scanner:
    cdef public list controls
    cdef public bint closed
    cdef public bint _from_browser, _fragmented
    cdef public Py_ssize_t _max_payload, _left
    cdef public bytes _head, _mask, _gathered
    cdef public object _control

    @cython.locals(at=Py_ssize_t, end=Py_ssize_t, start=Py_ssize_t)
    cpdef object receive(self, object data, list out)

    @cython.locals(kept=Py_ssize_t, start=Py_ssize_t)
    cdef Py_ssize_t _resume(self, object data, list out) except -2

    @cython.locals(end=Py_ssize_t, first=int, second=int, start=Py_ssize_t)
    cdef Py_ssize_t _header(self, object view, Py_ssize_t at) except -2

    @cython.locals(opcode=int)
    cpdef object _check(self, int first, int second)

    @cython.locals(stop=Py_ssize_t, taken=Py_ssize_t, turn=Py_ssize_t)
    cpdef Py_ssize_t _payload(self, object data, Py_ssize_t at, list out) except -2
