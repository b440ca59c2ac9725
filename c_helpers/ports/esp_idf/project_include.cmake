# SPDX-License-Identifier: Apache-2.0
#
# For every component of the application: frame pointers, by which the recorder walks from caller to caller on RISC-V.
if(CONFIG_MEMTRACE_FRAME_POINTERS)
    idf_build_set_property(COMPILE_OPTIONS "-fno-omit-frame-pointer" APPEND)
endif()
