# TimeLimits as an extension type: see watch.pxd.

cdef class TimeLimits:
    cdef double _idle, _ends_at, _announce_at, _human_at
    cdef object _reason
    cdef long long _humans

    cpdef object announced(self, double now)

    cpdef object over(self, double now, long long humans)
