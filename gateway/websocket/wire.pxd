# wire.py, as C: inlined into runs. Bounds are checked as Python checks them.

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.string cimport memmove

cdef extern from "Python.h":
    bint PyMemoryView_Check(object view)
    Py_buffer *PyMemoryView_GET_BUFFER(object view)


cdef inline unsigned char *_bytes(object view, Py_ssize_t at, Py_ssize_t stop) except NULL:
    if not PyMemoryView_Check(view):
        raise TypeError("a memoryview is wanted")
    cdef Py_buffer *buffer = PyMemoryView_GET_BUFFER(view)
    if at < 0 or at > stop or stop > buffer.len:
        raise IndexError(at)
    return <unsigned char *>buffer.buf + at


cdef inline (int, int) frame_head(object view, Py_ssize_t at) except *:
    b = _bytes(view, at, at + 4)
    return (b[0] << 8 | b[1], b[2] << 8 | b[3])


cdef inline int move(object view, Py_ssize_t to, Py_ssize_t start, Py_ssize_t stop) except -1:
    if PyMemoryView_GET_BUFFER(view).readonly:
        raise TypeError("the buffer is read-only")
    memmove(_bytes(view, to, to + stop - start), _bytes(view, start, stop), stop - start)
    return 0


cdef inline bytes head(int first, int masked, Py_ssize_t length):
    cdef unsigned char made[10]
    cdef int size = 0 if length < 126 else 2 if length <= 0xFFFF else 8
    cdef int at
    made[0] = first
    made[1] = masked | (length if size == 0 else 126 if size == 2 else 127)
    for at in range(size):
        made[1 + size - at] = length >> 8 * at & 0xFF
    return PyBytes_FromStringAndSize(<char *>made, 2 + size)
