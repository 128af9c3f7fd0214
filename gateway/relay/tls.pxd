# Tls as an extension type: a read of a picture has 16 records.

cimport cython


cdef class Tls:
    cdef object _buffer, _ssl, _read
    cdef bytes _out, _held
    cdef public bint ended, secured
    cdef public object fault

    @cython.locals(size=Py_ssize_t, count=Py_ssize_t)
    cpdef Py_ssize_t receive(self, object data, object into) except -1

    cpdef bytes to_send(self)

    cpdef bytes encrypt(self, bytes data)
