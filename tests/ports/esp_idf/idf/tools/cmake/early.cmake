# SPDX-License-Identifier: Apache-2.0
#
# The first pass over a component: a script that asks for its requirements, before any option is known.
set(IDF_VERSION_MAJOR ${MAJOR})
set(IDF_VERSION_MINOR ${MINOR})
macro(idf_component_register)
    cmake_parse_arguments(_ "" "" "SRCS;INCLUDE_DIRS;PRIV_INCLUDE_DIRS;REQUIRES;PRIV_REQUIRES;LDFRAGMENTS" "${ARGN}")
    file(WRITE "${OUTPUT}" "${__REQUIRES};${__PRIV_REQUIRES}")
    return()
endmacro()
include("${COMPONENT}/CMakeLists.txt")
