/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for the kernel's devices that give memory: a library behind the recorder's that answers open, ioctl, mmap and readlink for
 * /dev/dma_heap, /dev/ion, /dev/mali0 and /dev/kgsl-3d0.
 *
 * Devices and buffers are files in memory, so that descriptors are the kernel's own: dup, close, fork and exec do what they do. Arguments are
 * read and written byte by byte where the devices' interfaces have them; nothing is shared with the recorder.
 *
 * Sizes of 0 are refused (EINVAL), those over 1 GB, too (ENOMEM). A device whose opening is closed forgets nothing here: the test's
 * programs do not ask.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORD (sizeof(long))
#define MOST (1u << 30)
#define KNOWN 65536u
#define SAME_VA (1u << 13)
#define NEEDS_MAP (1u << 14)

#if defined(__GLIBC__)
typedef unsigned long ioctl_number;
#else
typedef int ioctl_number;
#endif

/* What a device knows by a number. */
static struct known {
    ino_t device, buffer; /* inodes */
    uint64_t number, address, pages;
    int references, file;
} known[KNOWN];
static uint64_t next_number = 1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* --- files --- */

static int made_file(const char *name, uint64_t bytes)
{
    int file = (int)syscall(SYS_memfd_create, name, 0);
    if (file >= 0 && syscall(SYS_ftruncate, file, (long)bytes) != 0)
        abort();
    return file;
}

static ino_t inode_of(int file)
{
    struct stat found;
    return fstat(file, &found) == 0 ? found.st_ino : 0;
}

static bool is_device(int file, const char *wanted);

/* What handles belong to: an opening of a device, or of KGSL the process. */
static ino_t owner_of(int device)
{
    return is_device(device, "/dev/kgsl") ? 1 : inode_of(device);
}

static size_t bytes_of(int file)
{
    struct stat found;
    return fstat(file, &found) == 0 ? (size_t)found.st_size : 0;
}

/* A name of /proc/self/fd, with those of devices as the kernel would tell them. */
static ssize_t told_path(const char *link, char *to, size_t room)
{
    char found[128];
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, found, sizeof found);
    if (length > 12 && memcmp(found, "/memfd:/dev/", 12) == 0) {
        length -= 7 + 10; /* /memfd: and (deleted) */
        length = length < (long)room ? length : (long)room;
        memcpy(to, found + 7, (size_t)length);
        return length;
    }
    return syscall(SYS_readlinkat, AT_FDCWD, link, to, room);
}

ssize_t readlink(const char *link, char *to, size_t room)
{
    return told_path(link, to, room);
}

static bool is_device(int file, const char *wanted)
{
    char link[32], path[64] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if (told_path(link, path, sizeof path - 1) < 0)
        return false;
    return strncmp(path, wanted, strlen(wanted)) == 0;
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    unsigned mode = va_arg(more, unsigned);
    va_end(more);
    static const char *const devices[] = {"/dev/dma_heap/", "/dev/ion", "/dev/mali", "/dev/kgsl"};
    for (unsigned i = 0; i < 4; i++) {
        if (strncmp(path, devices[i], strlen(devices[i])) == 0)
            return made_file(path, 0);
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* --- what the devices know --- */

static uint64_t get(const void *argument, size_t at, size_t bytes)
{
    uint32_t half;
    uint64_t whole;
    memcpy(&half, (const char *)argument + at, sizeof half);
    if (bytes == 4)
        return half;
    memcpy(&whole, (const char *)argument + at, sizeof whole);
    return whole;
}

static void put(void *argument, size_t at, size_t bytes, uint64_t value)
{
    memcpy((char *)argument + at, &value, bytes); /* the machines here are little-endian */
}

static struct known *find(int device, uint64_t number)
{
    for (struct known *one = known; number != 0 && one < known + KNOWN; one++) {
        if (one->references != 0 && one->device == owner_of(device) &&
            (one->number == number || one->address == number))
            return one;
    }
    return NULL;
}

/* `file` is the buffer's, and stays the device's own. */
static struct known *remember(int device, int file)
{
    struct known *one = &known[next_number % KNOWN];
    while (one->references != 0)
        one = one + 1 < known + KNOWN ? one + 1 : known;
    *one = (struct known){
        .device = owner_of(device), .buffer = inode_of(file), .number = next_number++, .references = 1, .file = file};
    return one;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

static int check(uint64_t bytes)
{
    return bytes == 0 ? fail(EINVAL) : bytes > MOST ? fail(ENOMEM) : 0;
}

/* Where the device's own descriptors are out of the way of the program's. */
static int own_file(int file)
{
    int own = fcntl(file, F_DUPFD, 500);
    syscall(SYS_close, file);
    return own;
}

/* With STANDIN_BUSY set, the device is busy the first time. */
static int forget(struct known *one)
{
    static bool was_busy;
    if (one == NULL)
        return fail(EINVAL);
    if (getenv("STANDIN_BUSY") != NULL && !was_busy) {
        was_busy = true;
        return fail(EBUSY);
    }
    if (--one->references == 0 && one->file >= 0)
        syscall(SYS_close, one->file);
    return 0;
}

/* --- requests --- */

static int make_file(void *argument, size_t file_at)
{
    uint64_t bytes = get(argument, 0, 8);
    if (check(bytes) != 0)
        return -1;
    int file = made_file("dmabuf", bytes);
    put(argument, file_at, 4, (uint64_t)file);
    return file < 0 ? -1 : 0;
}

static int ion_make(int device, void *argument)
{
    uint64_t bytes = get(argument, 0, WORD);
    if (check(bytes) != 0)
        return -1;
    put(argument, 2 * WORD + 8, 4, remember(device, own_file(made_file("dmabuf", bytes)))->number);
    return 0;
}

static int ion_share(int device, void *argument)
{
    const struct known *one = find(device, get(argument, 0, 4));
    if (one == NULL)
        return fail(EINVAL);
    put(argument, 4, 4, (uint64_t)syscall(SYS_dup, one->file));
    return 0;
}

static int ion_import(int device, void *argument)
{
    int file = (int)get(argument, 4, 4);
    ino_t buffer = inode_of(file);
    if (buffer == 0)
        return fail(EBADF);
    for (struct known *one = known; one < known + KNOWN; one++) {
        if (one->references != 0 && one->device == owner_of(device) && one->buffer == buffer) {
            one->references++;
            put(argument, 0, 4, one->number);
            return 0;
        }
    }
    put(argument, 0, 4, remember(device, own_file((int)syscall(SYS_dup, file)))->number);
    return 0;
}

static int ion(int device, unsigned request, void *argument)
{
    switch (request) {
    case 24u << 16 | 'I' << 8 | 0:
        return make_file(argument, 16);
    case 1 + 4u * 65536 + 'I' * 256:
        return forget(find(device, get(argument, 0, 4)));
    case 2 + 8u * 65536 + 'I' * 256:
    case 4 + 8u * 65536 + 'I' * 256:
        return ion_share(device, argument);
    case 5 + 8u * 65536 + 'I' * 256:
        return ion_import(device, argument);
    default:
        return (request & 0xffff) == 'I' << 8 ? ion_make(device, argument) : fail(ENOTTY);
    }
}

/* The lowest number that nobody has yet: a map of it makes it free again. */
static uint64_t mali_cookie(int device)
{
    uint64_t cookie = 0x41000;
    while (find(device, cookie) != NULL)
        cookie += 0x1000;
    return cookie;
}

static void mali_name(int device, struct known *one, uint64_t flags, void *argument)
{
    bool is_cookie = (flags & SAME_VA) != 0;
    one->number = 0;
    one->number = is_cookie ? mali_cookie(device) : 0x800000000000u + 0x100000u * next_number++;
    put(argument, 0, 8, flags | (is_cookie ? NEEDS_MAP : 0));
    put(argument, 8, 8, one->number);
}

static int mali_make(int device, void *argument)
{
    uint64_t pages = get(argument, 0, 8);
    if (check(pages * 4096) != 0)
        return -1;
    struct known *one = remember(device, -1);
    one->pages = pages;
    mali_name(device, one, get(argument, 24, 8), argument);
    return 0;
}

static int mali_import(int device, void *argument)
{
    int file = -1;
    bool is_file = get(argument, 16, 4) == 2;
    memcpy(&file, (const void *)(uintptr_t)get(argument, 8, 8), sizeof file);
    if (is_file && inode_of(file) == 0)
        return fail(EINVAL);
    struct known *one = remember(device, is_file ? own_file((int)syscall(SYS_dup, file)) : -1);
    one->pages = is_file ? (bytes_of(file) + 4095) / 4096 : 1;
    mali_name(device, one, get(argument, 0, 8), argument);
    put(argument, 16, 8, one->pages);
    return 0;
}

static int mali(int device, unsigned request, void *argument)
{
    switch (request) {
    case 5 + 32u * 65536 + 0x8000:
    case 59 + 64u * 65536 + 0x8000:
        return mali_make(device, argument);
    case 7 + 8u * 65536 + 0x8000:
        return forget(find(device, get(argument, 0, 8)));
    case 22 + 24u * 65536 + 0x8000:
        return mali_import(device, argument);
    default:
        return fail(ENOTTY);
    }
}

static uint64_t kgsl_address(struct known *one)
{
    return one->address = 0x40000000u + 0x100000u * (one->number & 0xfff);
}

static int kgsl_make(int device, void *argument, size_t size_at, size_t size_bytes, size_t id_at, size_t address_at)
{
    uint64_t bytes = get(argument, size_at, size_bytes);
    if (check(bytes) != 0)
        return -1;
    struct known *one = remember(device, -1);
    if (id_at != SIZE_MAX)
        put(argument, id_at, 4, one->number);
    if (address_at != SIZE_MAX)
        put(argument, address_at, WORD, kgsl_address(one));
    return 0;
}

static int kgsl_import(int device, int file, void *argument, size_t at, size_t bytes, bool by_address)
{
    if (inode_of(file) == 0)
        return fail(EBADF);
    struct known *one = remember(device, own_file((int)syscall(SYS_dup, file)));
    put(argument, at, bytes, by_address ? kgsl_address(one) : one->number);
    return 0;
}

static int pointed(const void *argument)
{
    int file;
    memcpy(&file, (const void *)(uintptr_t)get(argument, 0, 8), sizeof file);
    return file;
}

static int kgsl(int device, unsigned request, void *argument)
{
    switch (request & 0xff) {
    case 0x2f:
        return kgsl_make(device, argument, WORD, WORD, SIZE_MAX, 0);
    case 0x34:
        return kgsl_make(device, argument, 8, WORD, 0, 8 + 2 * WORD);
    case 0x45:
        return kgsl_make(device, argument, 0, 8, 32, SIZE_MAX);
    case 0x21:
        return forget(find(device, get(argument, 0, WORD)));
    case 0x35:
        return forget(find(device, get(argument, 0, 4)));
    case 0x46:
        return forget(find(device, get(argument, 16, 4)));
    case 0x48:
        return kgsl_import(device, pointed(argument), argument, 28, 4, false);
    case 0x15:
        return kgsl_import(device, (int)get(argument, 0, 4), argument, WORD, WORD, true);
    default:
        return fail(ENOTTY);
    }
}

static int answer(int device, unsigned request, void *argument)
{
    unsigned short_request = request & 0x3fffffffu;
    if (is_device(device, "/dev/dma_heap/"))
        return short_request == (24u << 16 | 'H' << 8) ? make_file(argument, 8) : fail(ENOTTY);
    if (is_device(device, "/dev/ion"))
        return ion(device, short_request, argument);
    if (is_device(device, "/dev/mali"))
        return mali(device, short_request, argument);
    if (is_device(device, "/dev/kgsl"))
        return kgsl(device, short_request, argument);
    return (int)syscall(SYS_ioctl, device, request, argument);
}

int ioctl(int file, ioctl_number request, ...)
{
    va_list more;
    va_start(more, request);
    void *argument = va_arg(more, void *);
    va_end(more);
    if (argument == NULL && is_device(file, "/dev/"))
        return fail(EFAULT);
    if (is_device(file, "/dev/dma_heap/"))
        return answer(file, (unsigned)request, argument); /* nothing to remember; in a child, nobody would unlock */
    pthread_mutex_lock(&lock);
    int result = answer(file, (unsigned)request, argument);
    pthread_mutex_unlock(&lock);
    return result;
}

/* --- maps of a Mali device --- */

static void *mapped(void *at, size_t bytes, int protection, int flags, int file, uint64_t offset)
{
    static void *(*real)(void *, size_t, int, int, int, off_t);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "mmap");
    struct known *one = file >= 0 && offset != 0 && is_device(file, "/dev/mali") ? find(file, offset) : NULL;
    if (one == NULL)
        return real(at, bytes, protection, flags, file, (off_t)offset);
    void *given = real(at, bytes, protection, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (one->number < 0x80000)
        one->number = (uint64_t)(uintptr_t)given;
    return given;
}

void *mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset)
{
    return mapped(at, bytes, protection, flags, file, (uint64_t)offset);
}

#if defined(__GLIBC__)
void *mmap64(void *at, size_t bytes, int protection, int flags, int file, off64_t offset)
{
    return mapped(at, bytes, protection, flags, file, (uint64_t)offset);
}
#endif

int munmap(void *at, size_t bytes)
{
    static int (*real)(void *, size_t);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "munmap");
    for (struct known *one = known; one < known + KNOWN; one++) {
        if (one->references != 0 && one->number == (uint64_t)(uintptr_t)at)
            one->references = 0;
    }
    return real(at, bytes);
}
