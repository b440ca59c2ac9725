/* SPDX-License-Identifier: Apache-2.0
 *
 * A library that stands in for the devices of dma-heap, ION, Mali and KGSL: preloaded behind the recorder, it is what a program's ioctl
 * comes to. Devices and buffers are files in memory, so that descriptors, maps and fork are the kernel's own. What is too large fails.
 *
 * Structures are arrays of words here, by the offsets in the kernels' headers: not those that the recorder has.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST = 4096, KEPT_FROM = 200 };
#define TOO_LARGE (UINT64_C(1) << 40)
#define INTERRUPTED (UINT64_C(1) << 41)
#define PAGE 4096u

/* A name that was given: handle, id or address. `kept`: a descriptor of the buffer, as the kernel's own. */
static struct given {
    ino_t device;
    uint64_t name, other; /* `other`: its address, too */
    int kept, times;
} all[MOST];
static uint64_t last_name;

static ino_t inode(int file)
{
    struct stat found;
    return fstat(file, &found) == 0 ? found.st_ino : 0;
}

/* Which device is opened here? A path, or NULL. */
static const char *path_of(int file)
{
    static __thread char path[128];
    char link[64];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    char *end = strstr(path, " (deleted)");
    if (end == NULL || strncmp(path, "/memfd:/dev/", 12) != 0)
        return NULL;
    *end = 0;
    return path + 7;
}

/* What the kernel would say of such a file. */
ssize_t readlink(const char *link, char *to, size_t room)
{
    int file = -1;
    const char *path = sscanf(link, "/proc/self/fd/%d", &file) == 1 ? path_of(file) : NULL;
    if (path == NULL)
        return syscall(SYS_readlinkat, AT_FDCWD, link, to, room);
    size_t length = strlen(path) < room ? strlen(path) : room;
    memcpy(to, path, length);
    return (ssize_t)length;
}

static int file_in_memory(const char *name, uint64_t bytes)
{
    int file = (int)syscall(SYS_memfd_create, name, 0);
    if (file >= 0 && ftruncate(file, (off_t)bytes) != 0)
        return -1;
    return file;
}

/* All who open KGSL open one file. Of the others, each has a file of its own, which tells its handles from others'. */
static int device_opened(const char *path)
{
    static int kgsl;
    if (strncmp(path, "/dev/kgsl", 9) != 0)
        return file_in_memory(path, UINT64_C(1) << 36);
    if (kgsl == 0) {
        int file = file_in_memory(path, UINT64_C(1) << 36);
        kgsl = (int)syscall(SYS_fcntl, file, F_DUPFD_CLOEXEC, KEPT_FROM);
        (void)syscall(SYS_close, file);
    }
    char link[64];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", kgsl);
    return (int)syscall(SYS_openat, AT_FDCWD, link, O_RDWR);
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int mode = (flags & O_CREAT) != 0 ? va_arg(more, int) : 0;
    va_end(more);
    static const char *const devices[] = {"/dev/dma_heap/", "/dev/ion", "/dev/mali", "/dev/kgsl", "/dev/other"};
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        if (strncmp(path, devices[i], strlen(devices[i])) == 0)
            return device_opened(path);
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static int failed(int error)
{
    errno = error;
    return -1;
}

static int refused(uint64_t bytes)
{
    if (bytes == INTERRUPTED)
        return failed(EINTR);
    if (bytes == 0)
        return failed(EINVAL);
    return bytes >= TOO_LARGE ? failed(ENOMEM) : 0;
}

static int copied(int file, int from)
{
    return (int)syscall(SYS_fcntl, file, F_DUPFD_CLOEXEC, from);
}

static struct given *find(ino_t device, uint64_t name)
{
    for (struct given *given = all; given < all + MOST; given++) {
        if (given->times > 0 && given->device == device && (given->name == name || (name != 0 && given->other == name)))
            return given;
    }
    return NULL;
}

static struct given *give(ino_t device, uint64_t name, int file)
{
    for (struct given *given = all; given < all + MOST; given++) {
        if (given->times == 0) {
            *given = (struct given){device, name, 0, copied(file, KEPT_FROM), 1};
            return given;
        }
    }
    return NULL;
}

static void take(struct given *given)
{
    if (--given->times == 0)
        (void)syscall(SYS_close, given->kept);
}

/* A new buffer that has a name alone. */
static uint64_t made(ino_t device, uint64_t name, uint64_t bytes)
{
    int file = file_in_memory("buffer", bytes);
    struct given *given = give(device, name, file);
    (void)syscall(SYS_close, file);
    return given->name;
}

static int forgotten(ino_t device, uint64_t name)
{
    struct given *given = find(device, name);
    if (given == NULL)
        return failed(EINVAL);
    take(given);
    return 0;
}

static int file_given(uint64_t bytes, uint32_t *answer)
{
    if (refused(bytes) != 0)
        return -1;
    *answer = (uint32_t)file_in_memory("buffer", bytes);
    return 0;
}

static int ion_imported(ino_t device, int file)
{
    for (struct given *given = all; given < all + MOST; given++) {
        if (given->times > 0 && given->device == device && inode(given->kept) == inode(file)) {
            given->times++;
            return (int)given->name;
        }
    }
    return inode(file) == 0 ? 0 : (int)give(device, ++last_name, file)->name;
}

static int ion(ino_t device, unsigned number, unsigned size, void *argument)
{
    uint32_t *words = argument;
    uint64_t *longs = argument;
    struct given *given = find(device, words[0]);
    if (number == 0 && size == 24)
        return file_given(longs[0], &words[4]);
    if (number == 0 && size == sizeof(size_t) * 2 + 12 + (sizeof(size_t) == 8 ? 4 : 0)) {
        size_t bytes = *(size_t *)argument;
        if (refused(bytes) != 0)
            return -1;
        words[sizeof(size_t) == 8 ? 6 : 4] = (uint32_t)made(device, ++last_name, bytes);
        return 0;
    }
    if (number == 5 && (words[0] = (uint32_t)ion_imported(device, (int)words[1])) != 0)
        return 0;
    if (given == NULL || number == 5)
        return failed(EINVAL);
    if (number == 1)
        return forgotten(device, words[0]);
    words[1] = (uint32_t)copied(given->kept, 0);
    return 0;
}

/* At the program's own addresses (flag 13): what is given is to be mapped first. */
static int mali(ino_t device, unsigned number, void *argument)
{
    uint64_t *longs = argument, flags = number == 22 ? longs[0] : longs[3];
    if (number == 7)
        return forgotten(device, longs[0]);
    if (number != 22 && refused(longs[0] * PAGE) != 0)
        return -1;
    ++last_name;
    uint64_t name = (flags >> 13 & 1) != 0 ? (64 + last_name % 64) * PAGE : (UINT64_C(1) << 20) + last_name * PAGE;
    if (number == 22) {
        int file = *(int *)(uintptr_t)longs[1];
        if (inode(file) == 0)
            return failed(EINVAL);
        longs[1] = give(device, name, file)->name;
    } else {
        longs[1] = made(device, name, longs[0] * PAGE);
    }
    return 0;
}

/* Ids are the same for all who have opened it. */
static int kgsl(unsigned number, void *argument)
{
    uint32_t *words = argument;
    uint64_t *longs = argument;
    size_t *sizes = argument;
    uint64_t bytes = number == 0x45 ? longs[0] : sizes[number == 0x2f ? 1 : 8 / sizeof(size_t)];
    if ((number == 0x2f || number == 0x34 || number == 0x45) && refused(bytes) != 0)
        return -1;
    switch (number) {
    case 0x2f:
        sizes[0] = (size_t)made(1, UINT64_C(0x10000000) + ++last_name * PAGE, bytes);
        return 0;
    case 0x34:
        words[0] = (uint32_t)made(1, ++last_name, bytes);
        sizes[8 / sizeof(size_t) + 2] = (size_t)UINT64_C(0x10000000) + last_name * PAGE;
        find(1, words[0])->other = sizes[8 / sizeof(size_t) + 2];
        return 0;
    case 0x15:
        sizes[1] = (size_t)give(1, UINT64_C(0x10000000) + ++last_name * PAGE, (int)words[0])->name;
        return 0;
    case 0x45:
        words[8] = (uint32_t)made(1, ++last_name, bytes);
        return 0;
    case 0x48:
        words[7] = (uint32_t)give(1, ++last_name, *(int *)(uintptr_t)longs[0])->name;
        return 0;
    case 0x21:
        return forgotten(1, sizes[0]);
    default:
        return forgotten(1, words[number == 0x46 ? 4 : 0]);
    }
}

int ioctl(int file, unsigned long code, ...)
{
    va_list more;
    va_start(more, code);
    void *argument = va_arg(more, void *);
    va_end(more);
    const char *path = path_of(file);
    unsigned type = code >> 8 & 0xff, number = code & 0xff, size = code >> 16 & 0x3fff;
    if (path == NULL)
        return (int)syscall(SYS_ioctl, file, code, argument);
    if (strncmp(path, "/dev/dma_heap/", 14) == 0 && type == 'H')
        return file_given(*(uint64_t *)argument, (uint32_t *)argument + 2);
    if (strcmp(path, "/dev/ion") == 0 && type == 'I')
        return ion(inode(file), number, size, argument);
    if (strncmp(path, "/dev/mali", 9) == 0 && type == 0x80)
        return mali(inode(file), number, argument);
    if (strncmp(path, "/dev/kgsl", 9) == 0 && type == 0x09)
        return kgsl(number, argument);
    return strcmp(path, "/dev/other") == 0 ? 0 : failed(ENOTTY);
}
