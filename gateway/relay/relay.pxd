# Relay as an extension type: see leg.pxd.

cimport cython
from gateway.relay.browser_leg cimport BrowserLeg
from gateway.relay.upstream_leg cimport UpstreamLeg


cdef class Relay:
    cdef public BrowserLeg browser
    cdef public UpstreamLeg upstream
    cdef public object memory, server_stream, client_stream, on_pass
    cdef public bint passed
    cdef object _budget, _policy, _refreshing, _lost
    cdef long long _payload_before, _unread

    cpdef object send_upstream(self, object messages)

    @cython.locals(released=list)
    cpdef object _from_upstream(self, object spans)

    @cython.locals(messages=list)
    cpdef object _from_browser(self, object spans)
