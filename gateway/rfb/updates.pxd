# UpdateFraming as an extension type. ServerStream and JoinedStream stay Python's own classes above it: an object can
# change its class only among those.

cimport cython
cimport gateway.rfb.rectangles.tight as tight
cimport gateway.rfb.wire as wire
from gateway.rfb.framing cimport Framing
from gateway.rfb.held cimport HeldBudget
from gateway.rfb.memory cimport Memory
from gateway.rfb.zlib_streams cimport ZlibStreams


cdef class UpdateFraming(Framing):
    cdef public Memory memory
    cdef public HeldBudget budget
    cdef public object _idle, _between, _inside, _format, _bulk_inflator, _tiles, _image
    cdef public ZlibStreams _streams
    cdef public Py_ssize_t _rectangles_left, _bulk_left
    cdef public bint _bulk_repairable

    cpdef Py_ssize_t _advance(self, object view, Py_ssize_t at, Py_ssize_t limit, list out) except -1

    cpdef object _joined(self)

    cpdef Py_ssize_t _message(self, object view, Py_ssize_t at, Py_ssize_t limit, list out) except -1

    cpdef Py_ssize_t _at_seam(self, object view, Py_ssize_t at, Py_ssize_t limit, list out) except -1

    cpdef Py_ssize_t _wait(self, Py_ssize_t at, Py_ssize_t end) except -1

    cpdef bint _hold(self, Py_ssize_t at, Py_ssize_t end) except -1

    @cython.locals(end=Py_ssize_t)
    cdef Py_ssize_t _bulk(self, object view, Py_ssize_t at, Py_ssize_t limit, list out) except -1

    cdef Py_ssize_t _rectangles_done(self, Py_ssize_t end, Py_ssize_t left) except -1

    cdef Py_ssize_t _tile(self, object view, Py_ssize_t at, Py_ssize_t limit) except -1

    @cython.locals(count=Py_ssize_t, end=Py_ssize_t)
    cpdef Py_ssize_t _begin_update(self, object view, Py_ssize_t at, Py_ssize_t limit, list out) except -1

    @cython.locals(body=Py_ssize_t, after=Py_ssize_t)
    cpdef Py_ssize_t _rectangle(self, object view, Py_ssize_t at, Py_ssize_t limit, list out) except -1

    @cython.locals(
        streams=ZlibStreams, left=Py_ssize_t, tpixel=int, across=bint, length=Py_ssize_t, updates=Py_ssize_t
    )
    cdef Py_ssize_t _tight_run(self, object view, Py_ssize_t at, Py_ssize_t limit) except -1

    cdef Py_ssize_t _measured(self, object view, Py_ssize_t at, Py_ssize_t limit, object encoding) except -1
