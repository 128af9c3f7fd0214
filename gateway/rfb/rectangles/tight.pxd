# The types that make C of tight.py's loop.

cimport cython
cimport gateway.rfb.wire as wire

cdef int _FILTERED, _FILL, _JPEG, _PALETTE, _GRADIENT, _TIGHT, _UPDATE, _HEAD_MAX

@cython.locals(
    last=Py_ssize_t, compressed_from=Py_ssize_t, updates=Py_ssize_t, needed=Py_ssize_t, passed=Py_ssize_t[4], kind=int,
    count=Py_ssize_t, width=Py_ssize_t, height=Py_ssize_t, encoding=int, control=int, b0=int, b1=int, b2=int,
    data_at=Py_ssize_t, size=Py_ssize_t, colours=int, length=Py_ssize_t, end=Py_ssize_t,
)
cpdef (Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t) run(
    object view, Py_ssize_t at, Py_ssize_t limit, Py_ssize_t left, int tpixel, bytearray plain, list ends, bint across
)
