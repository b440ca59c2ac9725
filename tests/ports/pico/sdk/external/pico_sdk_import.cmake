# SPDX-License-Identifier: Apache-2.0
#
# Stands for the Pico SDK, in what memtrace's port has to do with: the toolchain, libraries that are lists of sources and options, wrappers of
# malloc and its relatives, operators of C++, functions for locks, time and cores. The machine is a Cortex-M in QEMU.

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_CXX_COMPILER arm-none-eabi-g++)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
get_filename_component(PICO_SDK ${CMAKE_CURRENT_LIST_DIR}/.. ABSOLUTE)
set(chip -mcpu=cortex-m0plus -mthumb)

function(pico_wrap_function TARGET FUNCNAME)
    target_link_options(${TARGET} INTERFACE "LINKER:--wrap=${FUNCNAME}")
endfunction()

macro(pico_sdk_init)
    foreach(library pico_malloc pico_cxx_options hardware_sync hardware_timer pico_stdlib)
        add_library(${library} INTERFACE)
        target_include_directories(${library} INTERFACE ${PICO_SDK}/include ${PICO_SDK}/../../bare)
    endforeach()
    target_sources(pico_malloc INTERFACE ${PICO_SDK}/malloc.c)
    foreach(function ${PICO_WRAPPED})
        pico_wrap_function(pico_malloc ${function})
    endforeach()
    target_sources(pico_cxx_options INTERFACE ${PICO_SDK}/new_delete.cpp)
    target_compile_options(pico_cxx_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>)
    target_sources(pico_stdlib INTERFACE ${PICO_SDK}/machine.c ${PICO_SDK}/../../bare/start.c ${PICO_SDK}/../../bare/book.c)
    target_compile_options(pico_stdlib INTERFACE ${chip} -O2 -g -ffunction-sections -fdata-sections)
    target_link_options(pico_stdlib INTERFACE ${chip} -nostartfiles -Wl,--gc-sections -T ${PICO_SDK}/../../bare/link.ld
        -Wl,--defsym=ram_bytes=256K -Wl,--defsym=__StackTop=_estack -Wl,--defsym=__StackLimit=_heap_end
        -Wl,--defsym=__scratch_y_end__=_heap_end -Wl,--defsym=__StackOneTop=0x20042000 -Wl,--defsym=__scratch_x_end__=0x20041000
        -Wl,--defsym=__logical_binary_start=0 -Wl,--defsym=__etext=_etext
        -Wl,--defsym=__data_start__=_sdata -Wl,--defsym=__data_end__=_edata)
    target_link_libraries(pico_stdlib INTERFACE pico_malloc pico_cxx_options)
endmacro()

if(NOT PICO_WRAPPED)
    set(PICO_WRAPPED malloc calloc realloc free)
endif()
