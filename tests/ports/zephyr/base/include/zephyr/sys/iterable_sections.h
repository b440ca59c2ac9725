/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ZEPHYR_ITERABLE_SECTIONS_H
#define ZEPHYR_ITERABLE_SECTIONS_H

#define STRUCT_SECTION_START(type) _##type##_list_start
#define STRUCT_SECTION_END(type) _##type##_list_end
#define STRUCT_SECTION_START_EXTERN(type) extern struct type STRUCT_SECTION_START(type)[]
#define STRUCT_SECTION_END_EXTERN(type) extern struct type STRUCT_SECTION_END(type)[]
#define STRUCT_SECTION_FOREACH(type, one) \
    STRUCT_SECTION_START_EXTERN(type); \
    STRUCT_SECTION_END_EXTERN(type); \
    for (struct type *one = STRUCT_SECTION_START(type); one < STRUCT_SECTION_END(type); one++)

#endif
