# wire.py, as C: inlined into the modules that are compiled. Bounds are checked as struct checks them, so that a fault
# of ours is an exception here, too, and never a look into foreign memory.

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.string cimport memmove

cdef extern from "Python.h":
    bint PyMemoryView_Check(object view)
    Py_buffer *PyMemoryView_GET_BUFFER(object view)
    object PyMemoryView_FromObject(object exporter)


cdef enum:
    HEADER = 10  # bytes of an unmasked frame's header at its longest (RFC 6455 section 5.2)


cdef inline const unsigned char *_bytes(object view, Py_ssize_t at, Py_ssize_t count) except NULL:
    if not PyMemoryView_Check(view):
        raise TypeError("a memoryview is wanted")
    cdef Py_buffer *buffer = PyMemoryView_GET_BUFFER(view)
    if at < 0 or at + count > buffer.len:
        raise IndexError(at)
    return <const unsigned char *>buffer.buf + at


cdef inline (int, int, int, int, int, int, int) tight_head(object view, Py_ssize_t at) except *:
    b = _bytes(view, at, 12)
    return (
        b[0] << 8 | b[1],
        b[2] << 8 | b[3],
        <int>(<unsigned int>b[4] << 24 | b[5] << 16 | b[6] << 8 | b[7]),
        b[8], b[9], b[10], b[11],
    )


cdef inline (int, int, int) three_bytes(object view, Py_ssize_t at) except *:
    b = _bytes(view, at, 3)
    return (b[0], b[1], b[2])


cdef inline (int, int) update_head(object view, Py_ssize_t at) except *:
    b = _bytes(view, at, 4)
    return (b[0], b[2] << 8 | b[3])


cdef inline (int, int, int) rectangle_head(object view, Py_ssize_t at) except *:
    b = _bytes(view, at, 12)
    return (b[4] << 8 | b[5], b[6] << 8 | b[7], <int>(<unsigned int>b[8] << 24 | b[9] << 16 | b[10] << 8 | b[11]))


cdef inline bytes four_bytes(object view, Py_ssize_t at):
    return PyBytes_FromStringAndSize(<const char *>_bytes(view, at, 4), 4)


cdef inline object slid(object before, Py_ssize_t at, object after):
    if not PyMemoryView_Check(before) or not PyMemoryView_Check(after) or before.obj is not after.obj:
        return None
    cdef Py_buffer *first = PyMemoryView_GET_BUFFER(before)
    cdef Py_buffer *second = PyMemoryView_GET_BUFFER(after)
    cdef Py_ssize_t moved = first.len - at
    cdef Py_ssize_t gap = <char *>second.buf - (<char *>first.buf + first.len)
    if first.readonly or at < 0 or moved < 0 or not 0 <= gap <= HEADER:
        return None
    whole = PyMemoryView_FromObject(after.obj)
    cdef Py_ssize_t start = <char *>second.buf - <char *>PyMemoryView_GET_BUFFER(whole).buf
    memmove(<char *>second.buf - moved, <char *>first.buf + at, moved)
    return whole[start - moved : start + second.len]
