# Watch as an extension type: thousands of sessions are asked every second whether there is anything to do.

cimport cython
from gateway.relay.browser_leg cimport BrowserLeg
from gateway.relay.leg cimport Leg
from gateway.relay.relay cimport Relay
from gateway.relay.upstream_leg cimport UpstreamLeg


cdef class Watch:
    cdef Relay _relay
    cdef object _terms, _shared, _end, _acts, _browser, _upstream, _limits, _counted, _changes, _keepalive, _host, _rates
    cdef long long _moved
    cdef double _joined_at, _due

    @cython.locals(moved=cython.longlong)
    cpdef object tick(self, double now)

    @cython.locals(moved=cython.longlong)
    cdef long long _bytes_moved(self) except -2

    cdef double _next_due(self) except -2

    cpdef object flush(self)

    cdef object _check_browser(self, double now)

    @cython.locals(leg=UpstreamLeg)
    cdef object _check_upstream(self, double now)

    cdef object _check_limits(self, double now)


cdef object _look(object clock, Leg leg, double now)
