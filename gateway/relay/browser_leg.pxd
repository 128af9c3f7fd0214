# See leg.pxd.

cimport cython
from gateway.relay.leg cimport Leg
from gateway.websocket.frames cimport binary_header
from gateway.websocket.scanner cimport Scanner


cdef class BrowserLeg(Leg):
    cdef public Scanner _scanner
    cdef public object on_payload
    cdef public long long payload_out
    cdef public bint notices, _close_received

    @cython.locals(spans=list)
    cpdef object received(self, object data)

    @cython.locals(size=Py_ssize_t)
    cpdef object send(self, object spans)
