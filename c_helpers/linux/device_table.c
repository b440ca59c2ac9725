/* SPDX-License-Identifier: Apache-2.0 */
#include "device_table.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

#include "sys.h"

#define ARRAY_BYTES 16384u

/* Grows by doubling; entry 0 is never used. */
struct array {
    uint32_t room, used; /* entries */
    uint32_t given_back; /* the first of a list, or 0 */
};

struct thing {
    uint64_t bytes;           /* of a buffer */
    uint64_t disk, inode;     /* of the file that its descriptors open; 0: it had none yet */
    uint64_t handle, address; /* names that end together; 0: there are none */
    uint32_t kind;            /* enum thing_kind */
    uint32_t holders, number; /* 0: not counted */
    uint32_t next;            /* in the list of what was given back */
};

struct name {
    uint64_t name;
    uint32_t device, buffer; /* 0: given back */
    uint32_t kind;           /* enum name_kind */
    uint32_t times;          /* it was given */
    uint32_t next;           /* of the same bucket, older; or in the list of what was given back */
};

struct range {
    uintptr_t start, end;
    uint32_t buffer, device;
};

uint32_t *table_files;
uint32_t table_ranges;

static struct {
    struct array thing_array, name_array, range_array;
    struct thing *things;
    struct name *names;
    uint32_t *buckets;    /* as many as names have room */
    struct range *ranges; /* sorted, from 0 */
    uint32_t numbers, files_end;
    const struct caller *from; /* who caused what is done now */
    uint64_t signals;
    int error; /* errno, as it was */
} table;

static __thread bool inside;

/* --- the lock --- */

/* A handler of a signal may close what the thread under it is busy with. */
static uint64_t signals_set(uint64_t blocked)
{
    uint64_t before = 0;
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, &before, sizeof before);
    return before;
}

static void lock(void)
{
    uint64_t signals = signals_set(~UINT64_C(0));
    lock_take(&recorder_control.now.device_lock);
    table.signals = signals;
    table.error = errno;
    inside = true;
}

static void unlock(void)
{
    uint64_t signals = table.signals;
    errno = table.error;
    inside = false;
    lock_give(&recorder_control.now.device_lock);
    (void)signals_set(signals);
}

/* A child of vfork has descriptors of its own, but its memory is its parent's. The kernel empties the word in a child of fork alone. */
static bool is_of_another(void)
{
    uint32_t known = 0, process = (uint32_t)syscall(SYS_getpid);
    uint32_t *owner = &recorder_control.now.device_process;
    return !__atomic_compare_exchange_n(owner, &known, process, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED) &&
           known != process;
}

bool table_enter(const struct caller *from)
{
    if (table_files == NULL || inside || is_of_another())
        return false;
    lock();
    table.from = from;
    return true;
}

void table_leave(void)
{
    unlock();
}

/* A child must not find the table in the middle of another thread's change. */
static void fork_begins(void)
{
    if (table_files != NULL && !inside)
        lock();
}

static void fork_ended(void)
{
    if (inside)
        unlock();
}

static void fork_ended_in_child(void)
{
    recorder_control.now.device_process = 0;
    fork_ended();
}

__attribute__((constructor)) static void start(void)
{
    record_inside++; /* musl allocates for it */
    (void)pthread_atfork(fork_begins, fork_ended, fork_ended_in_child);
    record_inside--;
}

bool table_start(void)
{
    uint32_t *nothing = NULL;
    if (table_files != NULL)
        return true;
    uint32_t *files = sys_pages(TABLE_FILES * sizeof *files);
    if (files != NULL &&
        !__atomic_compare_exchange_n(&table_files, &nothing, files, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        sys_unmap(files, TABLE_FILES * sizeof *files);
    return table_files != NULL;
}

/* --- arrays --- */

static bool array_grow(void **items, struct array *array, size_t item_bytes)
{
    size_t bytes = array->room * item_bytes, grown = bytes == 0 ? ARRAY_BYTES : 2u * bytes;
    char *more = grown / item_bytes > UINT32_MAX / 2u ? NULL : sys_pages(grown);
    if (more == NULL)
        return false;
    if (bytes != 0)
        memcpy(more, *items, bytes);
    sys_unmap(*items, bytes);
    *items = more;
    array->room = (uint32_t)(grown / item_bytes);
    array->used += array->used == 0;
    return true;
}

/* --- things --- */

static bool things_grow(void)
{
    void *items = table.things;
    bool has_room = array_grow(&items, &table.thing_array, sizeof *table.things);
    table.things = items;
    return has_room;
}

static uint32_t thing_place(void)
{
    struct array *array = &table.thing_array;
    uint32_t place = array->given_back;
    if (place != 0) {
        array->given_back = table.things[place].next;
        return place;
    }
    return array->used < array->room || things_grow() ? array->used++ : 0;
}

uint32_t thing_make(enum thing_kind kind, uint64_t bytes)
{
    uint32_t thing = thing_place();
    if (thing != 0)
        table.things[thing] = (struct thing){.bytes = bytes, .kind = kind, .holders = 1};
    return thing;
}

enum thing_kind thing_kind(uint32_t thing)
{
    return thing == 0 ? THING_NONE : (enum thing_kind)table.things[thing].kind;
}

uint64_t thing_bytes(uint32_t thing)
{
    return table.things[thing].bytes;
}

uint32_t thing_number(uint32_t thing)
{
    return table.things[thing].number = ++table.numbers;
}

void thing_note(uint32_t buffer, uint64_t handle, uint64_t address)
{
    table.things[buffer].handle = handle;
    table.things[buffer].address = address;
}

bool thing_noted(uint32_t buffer, uint64_t *handle, uint64_t *address)
{
    *handle = table.things[buffer].handle;
    *address = table.things[buffer].address;
    return *address != 0;
}

void thing_hold(uint32_t thing)
{
    if (thing != 0)
        table.things[thing].holders++;
}

static void names_end(uint32_t device);

void thing_drop(uint32_t thing)
{
    if (thing == 0 || --table.things[thing].holders != 0)
        return;
    struct thing last = table.things[thing];
    if (last.kind != THING_BUFFER)
        names_end(thing);
    else if (last.number != 0)
        table_freed(table.from, last.number, last.bytes);
    table.things[thing] = (struct thing){.next = table.thing_array.given_back};
    table.thing_array.given_back = thing;
}

/* --- descriptors --- */

/* Which file? Before Linux 5.3, all buffers had the same one. */
static bool file_identity(int file, struct thing *to)
{
    struct stat found;
    if (fstat(file, &found) != 0)
        return false;
    to->disk = (uint64_t)found.st_dev;
    to->inode = (uint64_t)found.st_ino;
    return true;
}

/* KGSL's nodes are different files of one device. */
static bool is_file_of(int file, const struct thing *thing)
{
    struct thing now;
    if (thing->kind == THING_KGSL)
        return true;
    return file_identity(file, &now) && now.disk == thing->disk && now.inode == thing->inode;
}

uint32_t thing_of_kind(enum thing_kind kind)
{
    uint32_t thing = 1;
    while (thing < table.thing_array.used && table.things[thing].kind != kind)
        thing++;
    return thing < table.thing_array.used ? thing : 0;
}

bool file_put(int file, uint32_t thing)
{
    if ((unsigned)file >= TABLE_FILES)
        return thing == 0;
    uint32_t before = table_files[file];
    if (thing != 0 && table.things[thing].inode == 0)
        (void)file_identity(file, &table.things[thing]);
    thing_hold(thing);
    __atomic_store_n(&table_files[file], thing, __ATOMIC_RELAXED);
    thing_drop(before);
    if (thing != 0 && (uint32_t)file >= table.files_end)
        table.files_end = (uint32_t)file + 1u;
    return true;
}

uint32_t file_thing(int file)
{
    uint32_t thing = table_file(file);
    if (thing == 0 || is_file_of(file, &table.things[thing]))
        return thing;
    (void)file_put(file, 0);
    return 0;
}

void files_sweep(unsigned first, unsigned last)
{
    for (unsigned file = first; file <= last && file < table.files_end; file++) {
        if (table_files[file] != 0 && syscall(SYS_fcntl, file, F_GETFD) == -1)
            (void)file_put((int)file, 0);
    }
}

/* --- names --- */

static uint32_t *bucket(uint32_t device, uint64_t name)
{
    uint64_t mixed = (name + ((uint64_t)device << 40)) * UINT64_C(0x9e3779b97f4a7c15);
    return &table.buckets[(mixed >> 32) % table.name_array.room];
}

static bool names_grow(void)
{
    size_t before = table.name_array.room * sizeof *table.buckets;
    void *items = table.names;
    if (!array_grow(&items, &table.name_array, sizeof *table.names))
        return false;
    table.names = items;
    uint32_t *buckets = sys_pages(table.name_array.room * sizeof *buckets);
    if (buckets == NULL) {
        table.name_array.room = (uint32_t)(before / sizeof *buckets);
        return false;
    }
    sys_unmap(table.buckets, before);
    table.buckets = buckets;
    return true;
}

static void names_link(void)
{
    for (uint32_t i = 1; i < table.name_array.used; i++) {
        uint32_t *first = bucket(table.names[i].device, table.names[i].name);
        table.names[i].next = *first;
        *first = i;
    }
}

static uint32_t name_place(void)
{
    struct array *array = &table.name_array;
    uint32_t place = array->given_back;
    if (place != 0) {
        array->given_back = table.names[place].next;
        return place;
    }
    if (array->used < array->room)
        return array->used++;
    if (!names_grow())
        return 0;
    names_link(); /* all are in use */
    return array->used++;
}

/* The oldest is the last one. */
static uint32_t name_entry(uint32_t device, enum name_kind kind, uint64_t name, uint32_t buffer)
{
    uint32_t found = 0;
    for (uint32_t i = table.buckets == NULL ? 0 : *bucket(device, name); i != 0; i = table.names[i].next) {
        const struct name *entry = &table.names[i];
        if (entry->device == device && entry->name == name && entry->kind == kind &&
            (buffer == 0 || entry->buffer == buffer))
            found = i;
    }
    return found;
}

static void name_end(uint32_t entry)
{
    uint32_t *link = bucket(table.names[entry].device, table.names[entry].name), buffer = table.names[entry].buffer;
    while (*link != entry)
        link = &table.names[*link].next;
    *link = table.names[entry].next;
    table.names[entry] = (struct name){.next = table.name_array.given_back};
    table.name_array.given_back = entry;
    thing_drop(buffer);
}

static void names_end(uint32_t device)
{
    for (uint32_t i = 1; i < table.name_array.used; i++) {
        if (table.names[i].buffer != 0 && table.names[i].device == device)
            name_end(i);
    }
}

uint32_t name_find(uint32_t device, enum name_kind kind, uint64_t name)
{
    uint32_t entry = name_entry(device, kind, name, 0);
    return entry == 0 ? 0 : table.names[entry].buffer;
}

/* A device gives no name twice, so what has it was given back in a way that was not seen; but what waits may be on its way to a range. */
bool name_put(uint32_t device, enum name_kind kind, uint64_t name, uint32_t buffer)
{
    uint32_t entry = name_entry(device, kind, name, kind == NAME_WAITING ? buffer : 0);
    if (entry != 0 && table.names[entry].buffer == buffer) {
        table.names[entry].times++;
        return true;
    }
    if (entry != 0)
        name_end(entry);
    entry = name_place();
    if (entry == 0)
        return false;
    uint32_t *first = bucket(device, name);
    table.names[entry] = (struct name){name, device, buffer, kind, 1, *first};
    *first = entry;
    thing_hold(buffer);
    return true;
}

void name_take(uint32_t device, enum name_kind kind, uint64_t name, uint32_t buffer)
{
    uint32_t entry = name_entry(device, kind, name, buffer);
    if (entry != 0 && --table.names[entry].times == 0)
        name_end(entry);
}

/* --- ranges --- */

/* The first range that ends behind this address. */
static uint32_t range_behind(uintptr_t at)
{
    uint32_t low = 0, high = table_ranges;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2u;
        if (table.ranges[middle].end <= at)
            low = middle + 1u;
        else
            high = middle;
    }
    return low;
}

/* Makes room for one, or closes the gap that one leaves. */
static void ranges_move(uint32_t from, uint32_t to)
{
    memmove(&table.ranges[to], &table.ranges[from], (table_ranges - from) * sizeof *table.ranges);
    __atomic_store_n(&table_ranges, table_ranges + to - from, __ATOMIC_RELAXED);
}

static bool ranges_have_room(void)
{
    void *items = table.ranges;
    bool has_room =
        table_ranges < table.range_array.room || array_grow(&items, &table.range_array, sizeof *table.ranges);
    table.ranges = items;
    return has_room;
}

bool range_put(uintptr_t start, uintptr_t end, uint32_t buffer, uint32_t device)
{
    if (!ranges_have_room())
        return false;
    uint32_t place = range_behind(start);
    ranges_move(place, place + 1u);
    table.ranges[place] = (struct range){start, end, buffer, device};
    thing_hold(buffer);
    thing_hold(device);
    return true;
}

bool range_find(uintptr_t at, uint32_t *buffer, uint32_t *device)
{
    uint32_t place = range_behind(at);
    if (place == table_ranges || table.ranges[place].start > at)
        return false;
    *buffer = table.ranges[place].buffer;
    *device = table.ranges[place].device;
    return true;
}

/* Of one range. What is left of it holds on; where there is no room for two parts, the first one does. */
static size_t range_shorten(uint32_t place, uintptr_t start, uintptr_t end)
{
    struct range whole = table.ranges[place];
    uintptr_t from = start > whole.start ? start : whole.start, to = end < whole.end ? end : whole.end;
    ranges_move(place + 1u, place);
    if (to < whole.end)
        (void)range_put(to, whole.end, whole.buffer, whole.device);
    if (from > whole.start)
        (void)range_put(whole.start, from, whole.buffer, whole.device);
    thing_drop(whole.buffer);
    thing_drop(whole.device);
    return to - from;
}

size_t range_cut(uintptr_t start, uintptr_t end)
{
    size_t bytes = 0;
    for (;;) {
        uint32_t place = range_behind(start);
        if (place == table_ranges || table.ranges[place].start >= end)
            return bytes;
        bytes += range_shorten(place, start, end);
    }
}
