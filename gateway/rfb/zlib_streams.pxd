# What tight.run reads and writes for each run, without Python's attributes in between.

cimport cython
cimport gateway.rfb.wire as wire


cdef class ZlibStreams:
    cdef public object _changed, _seam
    cdef public list _inflators, _starts, ends
    cdef public bytearray plain

    @cython.locals(stream=Py_ssize_t, end=Py_ssize_t)
    cpdef object settle(self, object view)
