/* SPDX-License-Identifier: Apache-2.0
 *
 * Device memory: buffers that a program has of dma-heap, ION, Mali's kbase and KGSL by ioctl.
 *
 * Approach: a request is one of device_requests.c if its number, which tells the structure's size, and the path of its descriptor fit. A buffer
 * is an event at a number of its own, no address: it may never be mapped, and its addresses are the device's. It is free when the last thing
 * goes that keeps it in this process (device_table.h): its handle or id, its descriptors, its mapped ranges.
 * Rejected: hooks of open, which see no descriptor that was inherited or received; a look at every ioctl's path, which costs as much as it.
 * Cost: two comparisons for a request of another kind; for one of these, the system calls that recognise it, beside the driver's own work.
 * Assumptions: /proc is there. Descriptors that come and go by other ways (messages of sockets, fclose) are found out late or not at all.
 * Buffers of other processes, which are received or imported, are counted where they were made.
 */
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "device_requests.h"
#include "sys.h"

/* --- the real functions --- */

static struct {
    int (*ioctl)(int, unsigned long, ...);
    int (*fcntl)(int, int, ...);
    int (*fcntl64)(int, int, ...);
    int (*ioctl_time64)(int, unsigned long, ...); /* these two where words have 32 bits */
    int (*fcntl_time64)(int, int, ...);
    int (*close)(int);
    int (*dup)(int);
    int (*dup2)(int, int);
    int (*dup3)(int, int, int);
    int (*close_range)(unsigned, unsigned, int);
    void (*closefrom)(int);
} real_files;

static void look_up(void *function, const char *name, const char *otherwise)
{
    void *found = real_function(name);
    if (found == NULL && otherwise != NULL)
        found = real_function(otherwise);
    memcpy(function, &found, sizeof found);
}

/* Where one is missing, the loader allocates its error's text, and frees it when the last one, which is there, is looked up. */
static void look_all_up(void)
{
    record_inside++;
    look_up(&real_files.ioctl, "ioctl", NULL);
    look_up(&real_files.fcntl, "fcntl", NULL);
    look_up(&real_files.fcntl64, "fcntl64", "fcntl");
#if !defined(__LP64__)
    look_up(&real_files.ioctl_time64, "__ioctl_time64", "ioctl");
    look_up(&real_files.fcntl_time64, "__fcntl_time64", "fcntl64");
#endif
    look_up(&real_files.dup, "dup", NULL);
    look_up(&real_files.dup2, "dup2", NULL);
    look_up(&real_files.dup3, "dup3", NULL);
    look_up(&real_files.close_range, "close_range", NULL);
    look_up(&real_files.closefrom, "closefrom", NULL);
    look_up(&real_files.close, "close", NULL);
    record_inside--;
}

/* Before a library's first call in a handler or a child: the loader's look-up is not for these. */
__attribute__((constructor)) static void prepare(void)
{
    if (real_files.close == NULL)
        look_all_up();
}

static void need_real(void)
{
    if (__builtin_expect(real_files.close == NULL, 0))
        look_all_up();
}

/* --- requests --- */

static int device_request(const struct caller *from, const struct request *request,
                          int (*real_ioctl)(int, unsigned long, ...), int file, unsigned long code, void *argument)
{
    struct call call = {.from = from, .request = request, .argument = argument, .file = file};
    int before = errno;
    bool is_known = call_begins(&call);
    errno = before;
    int result = real_ioctl(file, code, argument);
    int error = errno;
    if (is_known)
        call_ended(&call, result < 0 ? error : 0);
    errno = error;
    return result;
}

/* --- descriptors --- */

/* Before it is closed: afterwards, another thread may have a file of the same number. */
static void file_closes(const struct caller *from, int file)
{
    (void)recorder_is_off();
    if (table_enter(from)) {
        (void)file_put(file, 0);
        table_leave();
    }
}

static void file_copied(const struct caller *from, int file, int copy)
{
    (void)recorder_is_off();
    if (file != copy && table_enter(from)) {
        (void)file_put(copy, file_thing(file));
        table_leave();
    }
}

static void files_closed(const struct caller *from, unsigned first, unsigned last)
{
    (void)recorder_is_off();
    if (table_enter(from)) {
        files_sweep(first, last);
        table_leave();
    }
}

static bool is_copied(int file, int copy)
{
    return __builtin_expect(copy >= 0 && (device_owns_descriptor(file) || device_owns_descriptor(copy)), 0);
}

HOOK int close(int file)
{
    need_real();
    if (__builtin_expect(device_owns_descriptor(file), 0))
        file_closes(CALLER(), file);
    return real_files.close(file);
}

HOOK int dup(int file)
{
    need_real();
    int copy = real_files.dup(file);
    if (is_copied(file, copy))
        file_copied(CALLER(), file, copy);
    return copy;
}

HOOK int dup2(int file, int wanted)
{
    need_real();
    int copy = real_files.dup2(file, wanted);
    if (is_copied(file, copy))
        file_copied(CALLER(), file, copy);
    return copy;
}

HOOK int dup3(int file, int wanted, int flags)
{
    need_real();
    int copy = real_files.dup3(file, wanted, flags);
    if (is_copied(file, copy))
        file_copied(CALLER(), file, copy);
    return copy;
}

#define CLOSE_RANGE_MARKS 4 /* CLOSE_RANGE_CLOEXEC: closes nothing now */

HOOK int memtrace_close_range(unsigned first, unsigned last, int flags) __asm__("close_range");
HOOK int memtrace_close_range(unsigned first, unsigned last, int flags)
{
    need_real();
    if (real_files.close_range == NULL) {
        errno = ENOSYS;
        return -1;
    }
    int result = real_files.close_range(first, last, flags);
    if (__builtin_expect(table_files != NULL, 0) && result == 0 && (flags & CLOSE_RANGE_MARKS) == 0)
        files_closed(CALLER(), first, last);
    return result;
}

#if defined(__GLIBC__)
HOOK void memtrace_closefrom(int first) __asm__("closefrom");
HOOK void memtrace_closefrom(int first)
{
    need_real();
    if (real_files.closefrom != NULL)
        real_files.closefrom(first);
    if (__builtin_expect(table_files != NULL, 0))
        files_closed(CALLER(), first < 0 ? 0 : (unsigned)first, UINT32_MAX);
}
#endif

#if defined(__ANDROID__)
/* By this, descriptors are closed that C++ owns. */
HOOK int android_fdsan_close_with_tag(int file, uint64_t tag);
HOOK int android_fdsan_close_with_tag(int file, uint64_t tag)
{
    static int (*real_close)(int, uint64_t);
    if (real_close == NULL)
        look_up(&real_close, "android_fdsan_close_with_tag", NULL);
    if (__builtin_expect(device_owns_descriptor(file), 0))
        file_closes(CALLER(), file);
    return real_close(file, tag);
}
#endif

/* The third argument, if there is one, goes through as it is: a number or a pointer. */
#define THIRD(last, to) \
    va_list more; \
    va_start(more, last); \
    void *to = va_arg(more, void *); \
    va_end(more)

static int control(const struct caller *from, int (*real_control)(int, int, ...), int file, int command, void *argument)
{
    int result = real_control(file, command, argument);
    if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) && is_copied(file, result))
        file_copied(from, file, result);
    return result;
}

HOOK int memtrace_fcntl(int file, int command, ...) __asm__("fcntl");
HOOK int memtrace_fcntl(int file, int command, ...)
{
    THIRD(command, argument);
    need_real();
    return control(CALLER(), real_files.fcntl, file, command, argument);
}

HOOK int memtrace_ioctl(int file, unsigned long code, ...) __asm__("ioctl");
HOOK int memtrace_ioctl(int file, unsigned long code, ...)
{
    THIRD(code, argument);
    need_real();
    const struct request *request = request_of(code);
    if (LIKELY(request == NULL))
        return real_files.ioctl(file, code, argument);
    return device_request(CALLER(), request, real_files.ioctl, file, code, argument);
}

#if defined(__GLIBC__)
HOOK int memtrace_fcntl64(int file, int command, ...) __asm__("fcntl64");
HOOK int memtrace_fcntl64(int file, int command, ...)
{
    THIRD(command, argument);
    need_real();
    return control(CALLER(), real_files.fcntl64, file, command, argument);
}
#endif

#if defined(__GLIBC__) && !defined(__LP64__)
/* What programs call whose time has 64 bits. */
HOOK int memtrace_fcntl_time64(int file, int command, ...) __asm__("__fcntl_time64");
HOOK int memtrace_fcntl_time64(int file, int command, ...)
{
    THIRD(command, argument);
    need_real();
    return control(CALLER(), real_files.fcntl_time64, file, command, argument);
}

HOOK int memtrace_ioctl_time64(int file, unsigned long code, ...) __asm__("__ioctl_time64");
HOOK int memtrace_ioctl_time64(int file, unsigned long code, ...)
{
    THIRD(code, argument);
    need_real();
    const struct request *request = request_of(code);
    if (LIKELY(request == NULL))
        return real_files.ioctl_time64(file, code, argument);
    return device_request(CALLER(), request, real_files.ioctl_time64, file, code, argument);
}
#endif

/* --- mapped ranges --- */

/* Which buffer a map of a device is of. */
static uint32_t buffer_mapped(uint32_t device, uint64_t offset, enum name_kind *kind, uint64_t *name)
{
    *kind = NAME_ADDRESS;
    *name = offset;
    if (thing_kind(device) == THING_MALI) {
        *kind = mali_kind(offset);
        return name_find(device, *kind, offset);
    }
    uint32_t buffer = name_find(device, NAME_HANDLE, offset / page_bytes());
    return buffer != 0 ? buffer : name_find(device, NAME_ADDRESS, offset);
}

static void device_range(uint32_t device, uint64_t offset, uintptr_t at, size_t bytes)
{
    enum name_kind kind;
    uint64_t name;
    uint32_t buffer = buffer_mapped(device, offset, &kind, &name);
    if (!range_put(at, at + bytes, buffer, device))
        buffer_lost();
    if (buffer != 0 && kind == NAME_WAITING)
        name_take(device, kind, name, buffer);
}

/* The system gives an address away that is in use only if it is told to, so what was there is gone. */
bool device_map_seen(const struct caller *from, int file, uint64_t offset, uintptr_t at, size_t bytes)
{
    if (!table_enter(from))
        return false;
    (void)range_cut(at, at + bytes);
    uint32_t thing = file_thing(file);
    if (thing_kind(thing) > THING_BUFFER)
        device_range(thing, offset, at, bytes);
    else if (thing != 0 && !range_put(at, at + bytes, thing, 0))
        buffer_lost();
    table_leave();
    return thing != 0;
}

bool device_unmap_seen(const struct caller *from, uintptr_t at, size_t bytes)
{
    if (!table_enter(from))
        return false;
    uintptr_t whole = (bytes + PAGE - 1u) & ~(uintptr_t)(PAGE - 1u);
    bool is_all = range_cut(at, at + whole) >= bytes;
    table_leave();
    return is_all;
}

bool device_maps_at(const struct caller *from, uintptr_t at)
{
    uint32_t buffer, device;
    if (!table_has_ranges() || !table_enter(from))
        return false;
    bool is_there = range_find(at, &buffer, &device);
    table_leave();
    return is_there;
}

void device_remapped(const struct caller *from, uintptr_t at, size_t bytes, uintptr_t moved, size_t grown)
{
    uint32_t buffer, device;
    if (!table_enter(from))
        return;
    if (range_find(at, &buffer, &device)) {
        thing_hold(buffer);
        thing_hold(device);
        (void)range_cut(at, at + bytes);
        (void)range_cut(moved, moved + grown);
        if (!range_put(moved, moved + grown, buffer, device))
            buffer_lost();
        thing_drop(buffer);
        thing_drop(device);
    }
    table_leave();
}
