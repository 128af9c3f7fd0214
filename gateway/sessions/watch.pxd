# Watch as an extension type: it is looked at thousands of times a second.

cimport cython
from gateway.relay.browser_leg cimport BrowserLeg
from gateway.relay.leg cimport Leg
from gateway.relay.liveness cimport Liveness
from gateway.relay.relay cimport Relay
from gateway.relay.upstream_leg cimport UpstreamLeg
from gateway.sessions.keepalive cimport UpstreamKeepalive
from gateway.sessions.time_limits cimport TimeLimits


cdef class Watch:
    cdef Relay _relay
    cdef object _terms, _shared, _end, _acts, _counted, _changes, _host, _rates
    cdef Liveness _browser, _upstream
    cdef TimeLimits _limits
    cdef UpstreamKeepalive _keepalive

    cpdef double tick(self, double now) except -2

    cdef double _tick(self, double now) except -2

    cdef double _next_due(self) except -2

    cpdef object flush(self)

    cdef object _check_browser(self, double now)

    @cython.locals(leg=UpstreamLeg)
    cdef object _check_upstream(self, double now)

    cdef object _check_limits(self, double now)


@cython.locals(unsent=cython.longlong, in_flight=cython.longlong)
cdef object _look(Liveness clock, Leg leg, double now)
