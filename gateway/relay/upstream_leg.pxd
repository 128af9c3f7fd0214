# See leg.pxd.

cimport cython
from gateway.relay.leg cimport Leg
from gateway.websocket.frames cimport masked_binary
from gateway.websocket.scanner cimport Scanner


cdef class UpstreamLeg(Leg):
    cdef public Scanner _scanner
    cdef public object _opening, on_payload
    cdef public long long payload_out, pongs_in
    cdef public bint _slow
    cdef public double _turn

    @cython.locals(spans=list)
    cpdef object received(self, object data)

    @cython.locals(payload=bytes)
    cpdef object send(self, object messages)
