# SPDX-License-Identifier: Apache-2.0
#
# The shape of Zephyr's build: modules give Kconfig and CMake, prj.conf a configuration, libraries are linked whole, and the linker
# collects sections.

cmake_minimum_required(VERSION 3.20)
get_filename_component(ZEPHYR_BASE ${CMAKE_CURRENT_LIST_DIR}/../../.. REALPATH)
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_C_COMPILER riscv64-unknown-elf-gcc)
set(CMAKE_ASM_COMPILER riscv64-unknown-elf-gcc)
set(CMAKE_AR riscv64-unknown-elf-ar)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
enable_language(C ASM)

set(configuration ${CMAKE_BINARY_DIR}/zephyr)
set(kconfigs)
foreach(module ${EXTRA_ZEPHYR_MODULES})
  file(STRINGS ${module}/zephyr/module.yml named REGEX "^  kconfig: ")
  string(REPLACE "  kconfig: " "" kconfig ${named})
  list(APPEND kconfigs ${module}/${kconfig})
endforeach()
execute_process(
  COMMAND python3 ${ZEPHYR_BASE}/scripts/kconfig.py ${configuration} ${CMAKE_SOURCE_DIR}/prj.conf ${kconfigs}
  WORKING_DIRECTORY ${ZEPHYR_BASE} COMMAND_ERROR_IS_FATAL ANY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/prj.conf)
file(STRINGS ${configuration}/.config lines REGEX "^CONFIG_")
foreach(line ${lines})
  string(REGEX MATCH "^([^=]*)=(.*)$" matched ${line})
  set(${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
endforeach()

add_library(zephyr_interface INTERFACE)
target_compile_options(zephyr_interface INTERFACE
  -march=rv32imac -mabi=ilp32 -misa-spec=2.2 -Os -g -ffreestanding -fno-common -ffunction-sections -fdata-sections -Wall -Wextra
  -imacros ${configuration}/autoconf.h -isystem ${ZEPHYR_BASE}/include)

set(ZEPHYR_LIBRARIES)
macro(zephyr_library_named name)
  set(ZEPHYR_CURRENT_LIBRARY ${name})
  add_library(${name} STATIC)
  target_link_libraries(${name} PRIVATE zephyr_interface)
  set_property(GLOBAL APPEND PROPERTY ZEPHYR_LIBS ${name})
endmacro()

function(zephyr_library_sources)
  target_sources(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGV})
endfunction()

function(zephyr_include_directories)
  target_include_directories(zephyr_interface INTERFACE ${ARGV})
endfunction()

function(zephyr_compile_options)
  target_compile_options(zephyr_interface INTERFACE ${ARGV})
endfunction()

function(zephyr_compile_definitions)
  target_compile_definitions(zephyr_interface INTERFACE ${ARGV})
endfunction()

function(zephyr_link_libraries)
  target_link_libraries(zephyr_interface INTERFACE ${ARGV})
endfunction()

add_library(app STATIC)
target_link_libraries(app PRIVATE zephyr_interface)
set_property(GLOBAL APPEND PROPERTY ZEPHYR_LIBS app)
file(GLOB kernel ${ZEPHYR_BASE}/kernel/*.c ${ZEPHYR_BASE}/lib/*.c ${ZEPHYR_BASE}/arch/*.c)
zephyr_library_named(kernel)
zephyr_library_sources(${kernel})
foreach(module ${EXTRA_ZEPHYR_MODULES})
  get_filename_component(name ${module} NAME)
  add_subdirectory(${module} modules/${name})
endforeach()

get_property(libraries GLOBAL PROPERTY ZEPHYR_LIBS)
add_executable(zephyr_final ${ZEPHYR_BASE}/arch/reset.S)
set_target_properties(zephyr_final PROPERTIES OUTPUT_NAME zephyr.elf RUNTIME_OUTPUT_DIRECTORY ${configuration})
target_link_libraries(zephyr_final PRIVATE zephyr_interface -Wl,--whole-archive ${libraries} -Wl,--no-whole-archive)
target_link_options(zephyr_final PRIVATE -march=rv32imac -mabi=ilp32 -misa-spec=2.2 -nostdlib -Wl,--gc-sections
  -Wl,--no-warn-rwx-segments -T ${ZEPHYR_BASE}/arch/linker.ld)
target_link_libraries(zephyr_final PRIVATE gcc)
