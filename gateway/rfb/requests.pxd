# The effects of what people cause.

from gateway.rfb.memory cimport Memory

cpdef object update_request(Memory memory, bytes _message)

cpdef object key(Memory memory, bytes message)

cpdef object pointer(Memory memory, bytes message)
