/* SPDX-License-Identifier: Apache-2.0
 *
 * What keeps buffers of devices alive in this process: descriptors, mapped ranges, and names that a device gave.
 *
 * Approach: as the kernel counts them. A thing is a buffer or an open device. Each descriptor and range holds a thing; a name (handle, id, address
 * of the GPU) belongs to a device and holds a buffer. A buffer without holders is free; a device without holders takes its names along.
 * Rejected: to count the last close as the free. Most programs close a buffer's descriptor as soon as it is mapped.
 * Cost: 4 bytes a descriptor, 64 a thing, 40 a name, 24 a range, in pages of the system's own, as they are used; a hash look-up a name, a binary
 * search a range. A program without devices pays one load a close.
 * Assumptions: descriptors are closed by functions that are hooked. Where they were not, the file's inode tells it at the next use.
 */
#ifndef MEMTRACE_LINUX_DEVICE_TABLE_H
#define MEMTRACE_LINUX_DEVICE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recorder.h"

/* Descriptors are numbered below this, if the system's limit was not raised; others are not followed. */
#define TABLE_FILES (1u << 20)

/* What a thing is. Numbers of things begin with 1. */
enum thing_kind { THING_NONE = 0, THING_BUFFER, THING_HEAP, THING_ION, THING_MALI, THING_KGSL };

/* How a device calls a buffer. WAITING: by what a map is asked for, once; the range holds the buffer then. */
enum name_kind { NAME_HANDLE, NAME_ADDRESS, NAME_WAITING };

/* The thing of each descriptor, or NULL: there was none yet. */
extern uint32_t *table_files;
extern uint32_t table_ranges;

static inline uint32_t table_file(int file)
{
    const uint32_t *files = __atomic_load_n(&table_files, __ATOMIC_ACQUIRE);
    return LIKELY(files == NULL) || (unsigned)file >= TABLE_FILES ? 0 : __atomic_load_n(&files[file], __ATOMIC_RELAXED);
}

static inline bool table_has_ranges(void)
{
    return __atomic_load_n(&table_ranges, __ATOMIC_RELAXED) != 0;
}

/* What follows is called between these two. False: there is no table, or it is not this process's: no more is to be done. */
bool table_enter(const struct caller *from);
void table_leave(void);

/* False: there is no memory for one. */
bool table_start(void);

/* A new thing with one holder, who is the caller; 0: no memory. */
uint32_t thing_make(enum thing_kind kind, uint64_t bytes);
enum thing_kind thing_kind(uint32_t thing);
uint64_t thing_bytes(uint32_t thing);
void thing_hold(uint32_t thing);
void thing_drop(uint32_t thing);

/* Gives a buffer the number that its events have. Without one, nothing is told of its end. */
uint32_t thing_number(uint32_t thing);

/* Two names that end together. */
void thing_note(uint32_t buffer, uint64_t handle, uint64_t address);
bool thing_noted(uint32_t buffer, uint64_t *handle, uint64_t *address);

/* A device of this kind, or 0. */
uint32_t thing_of_kind(enum thing_kind kind);

/* What a descriptor stands for, if it is still the same file; else 0. */
uint32_t file_thing(int file);

/* From now on this descriptor holds this thing and no other; 0: none. False: no room. */
bool file_put(int file, uint32_t thing);

/* Lets go of all descriptors of these that are closed now. */
void files_sweep(unsigned first, unsigned last);

/* The buffer that a device calls so, or 0. The longest waiting of several. */
uint32_t name_find(uint32_t device, enum name_kind kind, uint64_t name);

/* A name is given once, and taken as often as it was given: IMPORT may give the same again. */
bool name_put(uint32_t device, enum name_kind kind, uint64_t name, uint32_t buffer);
void name_take(uint32_t device, enum name_kind kind, uint64_t name, uint32_t buffer);

/* Holds a buffer, a device, or both. */
bool range_put(uintptr_t start, uintptr_t end, uint32_t buffer, uint32_t device);

/* The range that has this address: what it holds. */
bool range_find(uintptr_t at, uint32_t *buffer, uint32_t *device);

/* Takes this away from all ranges. Returns how many bytes it was. */
size_t range_cut(uintptr_t start, uintptr_t end);

/* Of who uses the table: a buffer that had a number is free. */
void table_freed(const struct caller *from, uint32_t number, uint64_t bytes);

#endif
