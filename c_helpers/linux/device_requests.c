/* SPDX-License-Identifier: Apache-2.0
 *
 * The structures are the kernel's, of a program with this size of words.
 */
#include "device_requests.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"

/* --- structures of the kernel --- */

/* As all machines have it that the recorder runs on: how many bytes, whose, and which. Who writes and who reads is left out. */
#define REQUEST(type, number, layout) ((uint32_t)sizeof(layout) << 16 | (uint32_t)(type) << 8 | (number))
#define REQUEST_BITS 0x3fffffffu

enum { TYPE_HEAP = 'H', TYPE_ION = 'I', TYPE_MALI = 0x80, TYPE_KGSL = 0x09 };

struct heap_alloc {
    uint64_t bytes;
    int32_t file; /* the answer */
    uint32_t file_flags;
    uint64_t heap_flags;
};

/* ION before Linux 4.12. A handle was a pointer at first; 32 bits of it do. */
struct ion_handle_alloc {
    size_t bytes, alignment;
    uint32_t heaps, flags;
    int32_t handle; /* the answer */
};

/* ION since. */
struct ion_file_alloc {
    uint64_t bytes;
    uint32_t heaps, flags;
    int32_t file; /* the answer */
    uint32_t unused;
};

struct ion_handle {
    int32_t handle;
};

struct ion_file {
    int32_t handle, file;
};

/* Mali's kbase. The answer overwrites the question. */
struct mali_answer {
    uint64_t flags, address, pages;
};

union mali_alloc {
    struct {
        uint64_t pages, committed, extension, flags;
    } question;
    struct mali_answer answer;
};

union mali_alloc_more {
    union mali_alloc alloc;
    uint64_t words[8];
};

union mali_import {
    struct {
        uint64_t flags, what; /* a pointer to a descriptor, if it is of that type */
        uint32_t type, padding;
    } question;
    struct mali_answer answer;
};

struct mali_free {
    uint64_t address;
};

#define MALI_IMPORTS_FILE 2u
/* What kbase gives a program of 64 bits is no address yet. A map of it is where the buffer will be, and to unmap that is to free it. */
#define MALI_WAITS_FROM (UINT64_C(64) << 12)
#define MALI_WAITS_TO (UINT64_C(128) << 12)

struct kgsl_alloc {
    unsigned long address; /* the answer */
    size_t bytes;
    uint32_t flags;
};

struct kgsl_alloc_id {
    uint32_t id, flags; /* the answer */
    size_t bytes, map_bytes;
    unsigned long address, padding[2];
};

struct kgsl_object_alloc {
    uint64_t bytes, flags, address_bytes, map_bytes;
    uint32_t id; /* the answer */
    uint32_t note_bytes;
    uint64_t note;
};

struct kgsl_object_import {
    uint64_t what, what_bytes, flags; /* a pointer to a descriptor, if it is of that type */
    uint32_t type, id;                /* id: the answer */
};

struct kgsl_map {
    int32_t file;
    unsigned long address; /* the answer */
    size_t bytes, from;
    unsigned long memory;
    uint32_t type, flags;
};

struct kgsl_free {
    unsigned long address;
};

struct kgsl_free_id {
    uint32_t id, padding;
};

struct kgsl_object_free {
    uint64_t flags, event;
    uint32_t id, type, bytes;
};

#define KGSL_IMPORTS_FILE 3u
#define KGSL_ONLY_ADDRESSES (UINT64_C(1) << 34) /* of an object that has no memory of its own */

_Static_assert(sizeof(struct heap_alloc) == 24 && sizeof(struct ion_file_alloc) == 24, "ABI");
_Static_assert(sizeof(struct ion_handle_alloc) == (sizeof(size_t) == 8 ? 32 : 20) && sizeof(struct ion_file) == 8,
               "ABI");
_Static_assert(sizeof(union mali_alloc) == 32 && sizeof(union mali_alloc_more) == 64 && sizeof(union mali_import) == 24,
               "ABI");
_Static_assert(sizeof(struct kgsl_alloc) == (sizeof(size_t) == 8 ? 24 : 12), "ABI");
_Static_assert(sizeof(struct kgsl_alloc_id) == (sizeof(size_t) == 8 ? 48 : 28), "ABI");
_Static_assert(sizeof(struct kgsl_map) == (sizeof(size_t) == 8 ? 48 : 28), "ABI");
_Static_assert(sizeof(struct kgsl_object_alloc) == 48 && sizeof(struct kgsl_object_import) == 32, "ABI");
_Static_assert(sizeof(struct kgsl_object_free) == 32 || sizeof(void *) == 4, "ABI"); /* x86 of 32 bits has 28 */

/* --- events --- */

/* No memory has such an address. */
static uintptr_t number_address(uint32_t number)
{
    unsigned shift = 8u * (unsigned)sizeof(uintptr_t) - 8u;
    return (uintptr_t)0xd1 << shift | ((uintptr_t)number & (((uintptr_t)1 << shift) - 1u));
}

void table_freed(const struct caller *from, uint32_t number, uint64_t bytes)
{
    if (recorder_is_off())
        return;
    record_free(from, number_address(number), HEAP_DEVICE);
    record_freed_bytes(HEAP_DEVICE, (size_t)bytes);
}

/* One that found room in the table. A stopped recorder gives numbers, too: it may run when the buffer is freed. */
static void buffer_counted(const struct caller *from, uint32_t buffer)
{
    uintptr_t address = number_address(thing_number(buffer));
    if (!recorder_is_off())
        record_alloc(from, address, (size_t)thing_bytes(buffer), HEAP_DEVICE);
}

void buffer_lost(void)
{
    static uint32_t told;
    if (__atomic_exchange_n(&told, 1u, __ATOMIC_RELAXED) == 0 && !recorder_is_off())
        record_mark("device buffers are not all counted: no room in the table");
}

/* --- a call --- */

static void buffer_made(struct call *call, int file)
{
    uint32_t buffer = thing_make(THING_BUFFER, call->bytes);
    bool has_room =
        buffer != 0 && (file >= 0 ? file_put(file, buffer) : name_put(call->device, call->kind, call->name, buffer));
    if (has_room)
        buffer_counted(call->from, buffer);
    else
        buffer_lost();
    thing_drop(buffer);
}

static void named_made(struct call *call, enum name_kind kind, uint64_t name)
{
    call->kind = kind;
    call->name = name;
    buffer_made(call, -1);
}

/* A buffer that this process knows gets one more name. Of others, nothing is known. */
static void named_again(const struct call *call, enum name_kind kind, uint64_t name)
{
    if (call->buffer != 0 && !name_put(call->device, kind, name, call->buffer))
        buffer_lost();
}

static void about_name(struct call *call, enum name_kind kind, uint64_t name)
{
    call->kind = kind;
    call->name = name;
    call->buffer = name_find(call->device, kind, name);
}

/* What had the name before the call; after it, another thread may have been given the same. */
static void name_gone(struct call *call)
{
    if (call->buffer != 0)
        name_take(call->device, call->kind, call->name, call->buffer);
}

static bool can_read(const void *from, size_t bytes)
{
    uintptr_t last = (uintptr_t)from + bytes - 1u;
    return from != NULL && sys_can_read((uintptr_t)from) && sys_can_read(last);
}

static int file_at(uint64_t pointer)
{
    const int *file = (const int *)(uintptr_t)pointer;
    return can_read(file, sizeof *file) ? *file : -1;
}

/* --- dma-heap and ION --- */

static void asks(struct call *call, uint64_t bytes)
{
    call->bytes = bytes;
    call->asks = true;
}

static void heap_ask(struct call *call)
{
    asks(call, ((const struct heap_alloc *)call->argument)->bytes);
}

static void heap_given(struct call *call)
{
    buffer_made(call, ((const struct heap_alloc *)call->argument)->file);
}

static void ion_file_ask(struct call *call)
{
    asks(call, ((const struct ion_file_alloc *)call->argument)->bytes);
}

static void ion_file_given(struct call *call)
{
    buffer_made(call, ((const struct ion_file_alloc *)call->argument)->file);
}

static void ion_ask(struct call *call)
{
    asks(call, ((const struct ion_handle_alloc *)call->argument)->bytes);
}

static void ion_given(struct call *call)
{
    named_made(call, NAME_HANDLE, (uint32_t)((const struct ion_handle_alloc *)call->argument)->handle);
}

static void ion_about(struct call *call)
{
    about_name(call, NAME_HANDLE, (uint32_t)((const struct ion_handle *)call->argument)->handle);
}

static void ion_shared(struct call *call)
{
    if (call->buffer != 0 && !file_put(((const struct ion_file *)call->argument)->file, call->buffer))
        buffer_lost();
}

static void ion_import(struct call *call)
{
    call->buffer = file_thing(((const struct ion_file *)call->argument)->file);
}

static void ion_imported(struct call *call)
{
    named_again(call, NAME_HANDLE, (uint32_t)((const struct ion_file *)call->argument)->handle);
}

/* --- Mali --- */

uint64_t page_bytes(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

enum name_kind mali_kind(uint64_t address)
{
    return address >= MALI_WAITS_FROM && address < MALI_WAITS_TO ? NAME_WAITING : NAME_ADDRESS;
}

/* What it may grow to: kbase tells nobody when it grows. */
static void mali_ask(struct call *call)
{
    asks(call, ((const union mali_alloc *)call->argument)->question.pages * page_bytes());
}

static void mali_given(struct call *call)
{
    uint64_t address = ((const union mali_alloc *)call->argument)->answer.address;
    named_made(call, mali_kind(address), address);
}

static void mali_import(struct call *call)
{
    const union mali_import *import = call->argument;
    if (import->question.type == MALI_IMPORTS_FILE)
        call->buffer = file_thing(file_at(import->question.what));
}

static void mali_imported(struct call *call)
{
    uint64_t address = ((const union mali_import *)call->argument)->answer.address;
    named_again(call, mali_kind(address), address);
}

static void mali_about(struct call *call)
{
    uint64_t address = ((const struct mali_free *)call->argument)->address;
    about_name(call, mali_kind(address), address);
}

/* --- KGSL. Ids are of the process, whichever descriptor --- */

static void kgsl_ask(struct call *call)
{
    asks(call, ((const struct kgsl_alloc *)call->argument)->bytes);
}

static void kgsl_given(struct call *call)
{
    named_made(call, NAME_ADDRESS, ((const struct kgsl_alloc *)call->argument)->address);
}

static void kgsl_id_ask(struct call *call)
{
    asks(call, ((const struct kgsl_alloc_id *)call->argument)->bytes);
}

/* It has an address, too, and may be freed by either. */
static void kgsl_id_given(struct call *call)
{
    const struct kgsl_alloc_id *alloc = call->argument;
    named_made(call, NAME_HANDLE, alloc->id);
    call->buffer = name_find(call->device, NAME_HANDLE, alloc->id);
    thing_hold(call->buffer);
    if (call->buffer == 0 || alloc->address == 0)
        return;
    thing_note(call->buffer, alloc->id, alloc->address);
    named_again(call, NAME_ADDRESS, alloc->address);
}

static void kgsl_gone(struct call *call)
{
    uint64_t id, address;
    name_gone(call);
    if (call->buffer == 0 || !thing_noted(call->buffer, &id, &address) ||
        call->name != (call->kind == NAME_HANDLE ? id : address))
        return;
    name_take(call->device, NAME_HANDLE, id, call->buffer);
    name_take(call->device, NAME_ADDRESS, address, call->buffer);
}

static void kgsl_object_ask(struct call *call)
{
    const struct kgsl_object_alloc *alloc = call->argument;
    if ((alloc->flags & KGSL_ONLY_ADDRESSES) == 0)
        asks(call, alloc->bytes);
}

static void kgsl_object_given(struct call *call)
{
    if (call->asks)
        named_made(call, NAME_HANDLE, ((const struct kgsl_object_alloc *)call->argument)->id);
}

static void kgsl_import(struct call *call)
{
    const struct kgsl_object_import *import = call->argument;
    if (import->type == KGSL_IMPORTS_FILE)
        call->buffer = file_thing(file_at(import->what));
}

static void kgsl_map_import(struct call *call)
{
    const struct kgsl_map *map = call->argument;
    if (map->type == KGSL_IMPORTS_FILE)
        call->buffer = file_thing(map->file);
}

static void kgsl_map_imported(struct call *call)
{
    named_again(call, NAME_ADDRESS, ((const struct kgsl_map *)call->argument)->address);
}

static void kgsl_imported(struct call *call)
{
    named_again(call, NAME_HANDLE, ((const struct kgsl_object_import *)call->argument)->id);
}

static void kgsl_about(struct call *call)
{
    about_name(call, NAME_ADDRESS, ((const struct kgsl_free *)call->argument)->address);
}

static void kgsl_id_about(struct call *call)
{
    about_name(call, NAME_HANDLE, ((const struct kgsl_free_id *)call->argument)->id);
}

static void kgsl_object_about(struct call *call)
{
    about_name(call, NAME_HANDLE, ((const struct kgsl_object_free *)call->argument)->id);
}

/* --- requests --- */

static const struct request requests[] = {
    {REQUEST(TYPE_HEAP, 0, struct heap_alloc), THING_HEAP, heap_ask, heap_given},
    {REQUEST(TYPE_ION, 0, struct ion_file_alloc), THING_ION, ion_file_ask, ion_file_given},
    {REQUEST(TYPE_ION, 0, struct ion_handle_alloc), THING_ION, ion_ask, ion_given},
    {REQUEST(TYPE_ION, 1, struct ion_handle), THING_ION, ion_about, name_gone},
    {REQUEST(TYPE_ION, 2, struct ion_file), THING_ION, ion_about, ion_shared},
    {REQUEST(TYPE_ION, 4, struct ion_file), THING_ION, ion_about, ion_shared},
    {REQUEST(TYPE_ION, 5, struct ion_file), THING_ION, ion_import, ion_imported},
    {REQUEST(TYPE_MALI, 5, union mali_alloc), THING_MALI, mali_ask, mali_given},
    {REQUEST(TYPE_MALI, 59, union mali_alloc_more), THING_MALI, mali_ask, mali_given},
    {REQUEST(TYPE_MALI, 7, struct mali_free), THING_MALI, mali_about, name_gone},
    {REQUEST(TYPE_MALI, 22, union mali_import), THING_MALI, mali_import, mali_imported},
    {REQUEST(TYPE_KGSL, 0x2f, struct kgsl_alloc), THING_KGSL, kgsl_ask, kgsl_given},
    {REQUEST(TYPE_KGSL, 0x34, struct kgsl_alloc_id), THING_KGSL, kgsl_id_ask, kgsl_id_given},
    {REQUEST(TYPE_KGSL, 0x45, struct kgsl_object_alloc), THING_KGSL, kgsl_object_ask, kgsl_object_given},
    {REQUEST(TYPE_KGSL, 0x48, struct kgsl_object_import), THING_KGSL, kgsl_import, kgsl_imported},
    {REQUEST(TYPE_KGSL, 0x15, struct kgsl_map), THING_KGSL, kgsl_map_import, kgsl_map_imported},
    {REQUEST(TYPE_KGSL, 0x21, struct kgsl_free), THING_KGSL, kgsl_about, kgsl_gone},
    {REQUEST(TYPE_KGSL, 0x35, struct kgsl_free_id), THING_KGSL, kgsl_id_about, kgsl_gone},
    {REQUEST(TYPE_KGSL, 0x46, struct kgsl_object_free), THING_KGSL, kgsl_object_about, kgsl_gone},
};

const struct request *request_of(unsigned long whole)
{
    uint32_t code = (uint32_t)whole & REQUEST_BITS;
    unsigned type = code >> 8 & 0xffu;
    if (LIKELY(type != TYPE_HEAP && type != TYPE_ION && type != TYPE_MALI && type != TYPE_KGSL))
        return NULL;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        if (requests[i].code == code)
            return &requests[i];
    }
    return NULL;
}

/* --- devices --- */

static bool is_of_family(int file, enum thing_kind family)
{
    static const char *const paths[] = {[THING_HEAP] = "/dev/dma_heap/",
                                        [THING_ION] = "/dev/ion",
                                        [THING_MALI] = "/dev/mali",
                                        [THING_KGSL] = "/dev/kgsl"};
    char link[32], path[64] = "";
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    return readlink(link, path, sizeof path - 1u) > 0 && strncmp(path, paths[family], strlen(paths[family])) == 0;
}

/* The opened device, with the caller as one more holder. A heap has no names, so that nobody need know it. */
static uint32_t device_open(int file, enum thing_kind family)
{
    uint32_t device = file_thing(file);
    if (family == THING_HEAP || thing_kind(device) == family) {
        device = family == THING_HEAP ? 0 : device;
        thing_hold(device);
        return device;
    }
    device = family == THING_KGSL ? thing_of_kind(family) : 0;
    if (device != 0)
        thing_hold(device);
    else
        device = thing_make(family, 0);
    if (device == 0 || file_put(file, device))
        return device;
    thing_drop(device);
    return 0;
}

bool call_begins(struct call *call)
{
    size_t bytes = call->request->code >> 16;
    if (!can_read(call->argument, bytes) || !is_of_family(call->file, call->request->family))
        return false;
    (void)recorder_is_off(); /* a child of fork brings its recorder up before it holds the table */
    if (!table_start() || !table_enter(call->from))
        return false;
    call->device = device_open(call->file, call->request->family);
    bool has_room = call->device != 0 || call->request->family == THING_HEAP;
    if (has_room)
        call->request->before(call);
    else
        buffer_lost();
    thing_hold(call->buffer);
    table_leave();
    return has_room;
}

/* A call that was interrupted is made again. */
void call_ended(struct call *call, int error)
{
    if (call->asks && error != 0 && error != EINTR && error != EAGAIN && !recorder_is_off())
        record_failed(call->from, (size_t)call->bytes, HEAP_DEVICE);
    if (!table_enter(call->from))
        return;
    if (error == 0)
        call->request->after(call);
    thing_drop(call->buffer);
    thing_drop(call->device);
    table_leave();
}
