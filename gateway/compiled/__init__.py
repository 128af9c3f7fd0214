"""The compiled framing: the modules of the hot path, built by Cython from the same source where a C compiler is.

hatch_build.py builds it into a folder here that is named by the sources' digest, and `loader` has it used. The types
that make C of it are in .pxd files beside the sources. Everything works without it, ten times slower where it is hot.
"""
