# FormatBook as an extension type: two calls for every update.


cdef class FormatBook:
    cdef public object current, asked
    cdef public long long updates
    cdef public list _requests
    cdef bint _continuous, _until_end
    cdef long long _ends_due

    cpdef object update_requested(self)

    cpdef object update_begun(self)
