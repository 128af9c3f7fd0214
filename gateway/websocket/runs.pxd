# The types that make C of the loops over frames.

cimport cython
cimport gateway.websocket.wire as wire

cdef int BINARY_0, BINARY_16, BINARY_64, LENGTH_16, MASKED_BINARY_0

@cython.locals(
    end=Py_ssize_t, fixed=bint, span=Py_ssize_t, upto=Py_ssize_t, kind=int, length=cython.ulonglong, start=Py_ssize_t,
    stop=Py_ssize_t, small=Py_ssize_t,
)
cpdef Py_ssize_t unmasked(object data, Py_ssize_t at, list out, Py_ssize_t max_payload) except -2

@cython.locals(end=Py_ssize_t, kind=int, length=Py_ssize_t, start=Py_ssize_t, stop=Py_ssize_t)
cpdef Py_ssize_t masked(object data, Py_ssize_t at, list out, Py_ssize_t max_payload) except -2
