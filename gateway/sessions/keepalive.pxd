# UpstreamKeepalive as an extension type: see watch.pxd.

cimport cython


cdef class UpstreamKeepalive:
    cdef object _settings, _limits, _host, _metrics
    cdef long long _messages, _inputs
    cdef double _message_at, _input_at, _touched_at, _cut_at

    @cython.locals(after=double)
    cpdef object tick(self, object relay, double now)

    cdef object _note(self, object client, double now)
