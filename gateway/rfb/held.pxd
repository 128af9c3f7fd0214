# The budget of each unfinished rectangle: two calls for every frame of a busy screen.

cdef class HeldBudget:
    cdef object _total, _limit
    cdef public Py_ssize_t reserved

    cpdef bint reserve(self, Py_ssize_t length) except -1

    cpdef object release(self)
