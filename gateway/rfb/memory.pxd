# Memory as an extension type: each message that passes asks it something. The rest of the module is compiled as it is.

from gateway.rfb.format_book cimport FormatBook


cdef class Memory:
    cdef public object server_init, name, encodings_asked, encodings, keyboard, pointer_event, continuous_updates
    cdef public object desktop_size_asked, audio, cursor, fences, seam, clipboard_flags, changed, dropped, acts
    cdef public set learned, offered
    cdef public list inflators
    cdef public FormatBook formats
    cdef public bint pixel_format_set
    cdef public long long width, height, oversized, messages_beside_updates
