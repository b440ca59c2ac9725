/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that uses device memory as it is told: each line of its input is a step, a function and its words. A letter is a variable; what a
 * step gives is put into its last letter, and printed. `fork` begins a child's steps, which `parent` ends.
 *
 * `random SEED STEPS` and `threads COUNT STEPS` use buffers of dma-heap at random; random tells what the kernel still has after each step.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS 6

static unsigned long variables[26];
static char words[WORDS][64];

static unsigned long *place(int word)
{
    return &variables[(unsigned)(words[word][0] - 'a') % 26u];
}

static bool is_variable(int word)
{
    return words[word][0] >= 'a' && words[word][0] <= 'z' && words[word][1] == 0;
}

static unsigned long value(int word)
{
    return is_variable(word) ? *place(word) : strtoul(words[word], NULL, 0);
}

static int file(int word)
{
    return (int)value(word);
}

/* --- requests, as the devices' headers have them --- */

static long heap(void)
{
    struct {
        uint64_t len;
        uint32_t fd, fd_flags;
        uint64_t heap_flags;
    } data = {value(2), 0, O_RDWR | O_CLOEXEC, 0};
    return ioctl(file(1), _IOWR('H', 0, data), &data) < 0 ? -1 : (long)data.fd;
}

static long ion(void)
{
    struct {
        size_t len, align;
        unsigned heap_id_mask, flags;
        int handle;
    } data = {value(2), 0, 1, 0, 0};
    return ioctl(file(1), _IOWR('I', 0, data), &data) < 0 ? -1 : data.handle;
}

static long ion_new(void)
{
    struct {
        uint64_t len;
        uint32_t heap_id_mask, flags, fd, unused;
    } data = {value(2), 1, 0, 0, 0};
    return ioctl(file(1), _IOWR('I', 0, data), &data) < 0 ? -1 : (long)data.fd;
}

static long ion_free(void)
{
    struct {
        int handle;
    } data = {file(2)};
    return ioctl(file(1), _IOWR('I', 1, data), &data);
}

struct ion_fd_data {
    int handle, fd;
};

static long ion_map(void)
{
    struct ion_fd_data data = {file(2), -1};
    return ioctl(file(1), _IOWR('I', 2, data), &data) < 0 ? -1 : data.fd;
}

static long ion_share(void)
{
    struct ion_fd_data data = {file(2), -1};
    return ioctl(file(1), _IOWR('I', 4, data), &data) < 0 ? -1 : data.fd;
}

static long ion_import(void)
{
    struct ion_fd_data data = {0, file(2)};
    return ioctl(file(1), _IOWR('I', 5, data), &data) < 0 ? -1 : data.handle;
}

static long mali(void)
{
    union {
        struct {
            uint64_t va_pages, commit_pages, extension, flags;
        } in;
        struct {
            uint64_t flags, gpu_va;
        } out;
    } data = {{value(2), value(2), 0, value(3)}};
    return ioctl(file(1), _IOWR(0x80, 5, data), &data) < 0 ? -1 : (long)data.out.gpu_va;
}

static long mali_ex(void)
{
    union {
        struct {
            uint64_t va_pages, commit_pages, extension, flags, fixed_address, extra[3];
        } in;
        struct {
            uint64_t flags, gpu_va;
        } out;
    } data = {{value(2), value(2), 0, value(3), 0, {0, 0, 0}}};
    return ioctl(file(1), _IOWR(0x80, 59, data), &data) < 0 ? -1 : (long)data.out.gpu_va;
}

static long mali_free(void)
{
    struct {
        uint64_t gpu_addr;
    } data = {value(2)};
    return ioctl(file(1), _IOW(0x80, 7, data), &data);
}

static long mali_import(void)
{
    int imported = file(2);
    union {
        struct {
            uint64_t flags, phandle;
            uint32_t type, padding;
        } in;
        struct {
            uint64_t flags, gpu_va, va_pages;
        } out;
    } data = {{value(3), (uintptr_t)&imported, (uint32_t)value(4), 0}};
    return ioctl(file(1), _IOWR(0x80, 22, data), &data) < 0 ? -1 : (long)data.out.gpu_va;
}

static long kgsl(void)
{
    struct {
        unsigned long gpuaddr;
        size_t size;
        unsigned flags;
    } data = {0, value(2), 0};
    return ioctl(file(1), _IOWR(0x09, 0x2f, data), &data) < 0 ? -1 : (long)data.gpuaddr;
}

/* The address is put into the word before the last. */
static long kgsl_id(void)
{
    struct {
        unsigned id, flags;
        size_t size, mmapsize;
        unsigned long gpuaddr, pad[2];
    } data = {0, 0, value(2), 0, 0, {0, 0}};
    if (ioctl(file(1), _IOWR(0x09, 0x34, data), &data) < 0)
        return -1;
    *place(3) = data.gpuaddr;
    return data.id;
}

static long kgsl_object(void)
{
    struct {
        uint64_t size, flags, va_len, mmapsize;
        uint32_t id, metadata_len;
        uint64_t metadata;
    } data = {value(2), 0, 0, 0, 0, 0, 0};
    return ioctl(file(1), _IOWR(0x09, 0x45, data), &data) < 0 ? -1 : (long)data.id;
}

static long kgsl_free(void)
{
    struct {
        unsigned long gpuaddr;
    } data = {value(2)};
    return ioctl(file(1), _IOW(0x09, 0x21, data), &data);
}

static long kgsl_free_id(void)
{
    struct {
        unsigned id, pad;
    } data = {(unsigned)value(2), 0};
    return ioctl(file(1), _IOW(0x09, 0x35, data), &data);
}

static long kgsl_object_free(void)
{
    struct {
        uint64_t flags, priv;
        unsigned id, type, len;
    } data = {0, 0, (unsigned)value(2), 0, 0};
    return ioctl(file(1), _IOW(0x09, 0x46, data), &data);
}

static long kgsl_import(void)
{
    int imported = file(2);
    struct {
        uint64_t priv, priv_len, flags;
        unsigned type, id;
    } data = {(uintptr_t)&imported, sizeof imported, 0, 3, 0};
    return ioctl(file(1), _IOWR(0x09, 0x48, data), &data) < 0 ? -1 : (long)data.id;
}

static long kgsl_map(void)
{
    struct {
        int fd;
        unsigned long gpuaddr;
        size_t len, offset;
        unsigned long hostptr;
        unsigned memtype, flags;
    } data = {file(2), 0, 4096, 0, 0, 3, 0};
    return ioctl(file(1), _IOWR(0x09, 0x15, data), &data) < 0 ? -1 : (long)data.gpuaddr;
}

/* Blocks one after the other, freed by their addresses. */
static long kgsl_cycle(void)
{
    unsigned long cycles = value(2);
    strcpy(words[3], "y");
    for (unsigned long i = 0; i < cycles; i++) {
        strcpy(words[2], "100");
        if (kgsl_id() == -1)
            return -1;
        strcpy(words[2], "y");
        if (kgsl_free() != 0)
            return -1;
    }
    return 0;
}

/* Blocks that stay. */
static long mali_many(void)
{
    unsigned long blocks = value(2);
    strcpy(words[2], "1");
    strcpy(words[3], "15");
    for (unsigned long i = 0; i < blocks; i++) {
        if (mali() == -1)
            return -1;
    }
    return 0;
}

/* A request of another kind, one without an argument, and one to a file that is no such device. */
static long other_ioctl(void)
{
    int bytes = 0;
    return ioctl(file(1), FIONREAD, &bytes);
}

static long null_ioctl(void)
{
    return ioctl(file(1), _IOC(_IOC_READ | _IOC_WRITE, 'H', 0, 24), NULL);
}

/* --- descriptors and maps --- */

static long do_open(void)
{
    return open(words[1], O_RDWR);
}

static long do_close(void)
{
    return close(file(1));
}

static long raw_close(void)
{
    return syscall(SYS_close, file(1));
}

static long do_dup(void)
{
    return dup(file(1));
}

static long do_dup2(void)
{
    return dup2(file(1), file(2));
}

static long do_dup3(void)
{
    return dup3(file(1), file(2), O_CLOEXEC);
}

static long do_fcntl(void)
{
    return fcntl(file(1), F_DUPFD, 20);
}

static long do_fcntl_cloexec(void)
{
    return fcntl(file(1), F_DUPFD_CLOEXEC, 20);
}

#if !defined(__GLIBC__)
static int close_range(unsigned first, unsigned last, int flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

static void closefrom(int first)
{
    (void)close_range((unsigned)first, ~0u, 0);
}
#endif

static long do_close_range(void)
{
    return close_range((unsigned)value(1), (unsigned)value(2), (int)value(3));
}

static long do_closefrom(void)
{
    closefrom(file(1));
    return 0;
}

static long map(void)
{
    return (long)mmap(NULL, value(2) * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file(1), (off_t)value(3));
}

static long unmap(void)
{
    return munmap((void *)value(1), value(2) * 4096);
}

/* --- processes --- */

static long vfork_close(void)
{
    pid_t child = vfork();
    if (child == 0) {
        close(file(1));
        _exit(0);
    }
    return waitpid(child, NULL, 0) == child ? 0 : -1;
}

static long do_exec(void)
{
    fflush(NULL);
    return execl("/proc/self/exe", words[1], (char *)NULL);
}

/* --- random use, with what the kernel has as the judge --- */

#define MOST_FILES 200

static ino_t inodes[100000];
static bool is_alive[100000];
static unsigned buffers;

static ino_t inode_of(int at)
{
    struct stat found;
    return fstat(at, &found) == 0 ? found.st_ino : 0;
}

static void tell_gone(void)
{
    static ino_t open_now[MOST_FILES];
    for (int i = 0; i < MOST_FILES; i++)
        open_now[i] = inode_of(i);
    for (unsigned one = 0; one < buffers; one++) {
        bool found = false;
        for (int i = 0; i < MOST_FILES && is_alive[one]; i++)
            found |= open_now[i] == inodes[one];
        if (is_alive[one] && !found)
            printf("free #%u\n", one + 1);
        is_alive[one] = found;
    }
}

static void use_any(int device, int from, int to, unsigned choice)
{
    sprintf(words[1], "%d", device);
    sprintf(words[2], "%u", 4096 * (1 + choice % 7));
    if (choice % 8 < 3) {
        int made = (int)heap();
        if (made < 0 || made >= MOST_FILES - 5)
            exit(3);
        inodes[buffers] = inode_of(made);
        is_alive[buffers++] = true;
        printf("alloc %s #%u\n", words[2], buffers);
    } else if (choice % 8 < 5) {
        close(from);
    } else if (choice % 8 == 5) {
        dup2(from, to);
    } else if (choice % 8 == 6) {
        close(fcntl(from, F_DUPFD, 10) % 2 ? from : to);
    } else if (dup(from) > 100) {
        close_range(40, MOST_FILES, 0);
    }
}

static long random_use(void)
{
    srand((unsigned)value(1));
    long steps = (long)value(2);
    int device = open("/dev/dma_heap/system", O_RDWR);
    if (device < 0 || device > 9)
        exit(3);
    for (long i = 0; i < steps; i++) {
        use_any(device, 10 + rand() % 60, 10 + rand() % 60, (unsigned)rand());
        tell_gone();
    }
    return 0;
}

static long do_open_heap(void)
{
    return open("/dev/dma_heap/system", O_RDWR);
}

static void *use_own(void *given)
{
    struct {
        uint64_t len;
        uint32_t fd, fd_flags;
        uint64_t heap_flags;
    } data = {4096, 0, 0, 0};
    int device = *(int *)given;
    for (long i = 0; i < (long)value(2); i++) {
        if (ioctl(device, _IOWR('H', 0, data), &data) < 0)
            exit(4);
        int copy = dup((int)data.fd);
        close((int)data.fd);
        close(copy);
    }
    return NULL;
}

static long threads(void)
{
    pthread_t started[16];
    int device = (int)do_open_heap();
    for (unsigned i = 0; i < value(1); i++)
        pthread_create(&started[i], NULL, use_own, &device);
    for (unsigned i = 0; i < value(1); i++)
        pthread_join(started[i], NULL);
    return 0;
}

/* In a child of a busy process: a buffer of its own, and the end. */
static void use_in_child(void)
{
    int device = (int)do_open_heap();
    sprintf(words[1], "%d", device);
    strcpy(words[2], "12345");
    close((int)heap());
    _exit(0);
}

static void *fork_often(void *given)
{
    for (unsigned i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0)
            use_in_child();
        if (waitpid(child, NULL, 0) != child)
            exit(5);
    }
    return given;
}

/* Forks while other threads are in the middle of what they do. */
static long busy_forks(void)
{
    pthread_t started[4], forks;
    int device = (int)do_open_heap();
    pthread_create(&forks, NULL, fork_often, NULL);
    for (unsigned i = 0; i < 4; i++)
        pthread_create(&started[i], NULL, use_own, &device);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(started[i], NULL);
    pthread_join(forks, NULL);
    return 0;
}

/* --- the steps --- */

static const struct step {
    const char *name;
    long (*run)(void);
    int result; /* the word that takes what it gives; 0: none */
} steps[] = {{"open", do_open, 2},
             {"close", do_close, 0},
             {"raw-close", raw_close, 0},
             {"dup", do_dup, 2},
             {"dup2", do_dup2, 0},
             {"dup3", do_dup3, 0},
             {"fcntl", do_fcntl, 2},
             {"fcntl-cloexec", do_fcntl_cloexec, 2},
             {"close-range", do_close_range, 0},
             {"closefrom", do_closefrom, 0},
             {"heap", heap, 3},
             {"ion", ion, 3},
             {"ion-new", ion_new, 3},
             {"ion-free", ion_free, 0},
             {"ion-map", ion_map, 3},
             {"ion-share", ion_share, 3},
             {"ion-import", ion_import, 3},
             {"mali", mali, 4},
             {"mali-ex", mali_ex, 4},
             {"mali-free", mali_free, 0},
             {"mali-import", mali_import, 5},
             {"kgsl", kgsl, 3},
             {"kgsl-id", kgsl_id, 4},
             {"kgsl-object", kgsl_object, 3},
             {"kgsl-free", kgsl_free, 0},
             {"kgsl-free-id", kgsl_free_id, 0},
             {"kgsl-object-free", kgsl_object_free, 0},
             {"kgsl-import", kgsl_import, 3},
             {"kgsl-map", kgsl_map, 3},
             {"kgsl-cycle", kgsl_cycle, 0},
             {"mali-many", mali_many, 0},
             {"other-ioctl", other_ioctl, 0},
             {"null-ioctl", null_ioctl, 0},
             {"map", map, 4},
             {"unmap", unmap, 0},
             {"vfork-close", vfork_close, 0},
             {"exec", do_exec, 0},
             {"random", random_use, 0},
             {"threads", threads, 0},
             {"busy-forks", busy_forks, 0}};

static void run(const struct step *step)
{
    errno = 0;
    long result = step->run();
    int error = errno;
    if (step->result != 0)
        *place(step->result) = (unsigned long)result;
    printf("%s: %s\n", step->name, result == -1 ? strerror(error) : "done");
}

static void find_and_run(void)
{
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (strcmp(steps[i].name, words[0]) == 0) {
            run(&steps[i]);
            return;
        }
    }
    exit(2);
}

/* True: this line is not for this process. */
static bool forked(bool *skips)
{
    if (strcmp(words[0], "parent") == 0) {
        if (!*skips)
            exit(0);
        *skips = false;
        return true;
    }
    if (*skips || strcmp(words[0], "fork") != 0)
        return *skips;
    fflush(NULL);
    pid_t child = fork();
    if (child != 0)
        (void)waitpid(child, NULL, 0);
    *skips = child != 0;
    return true;
}

/* All of the input at once: a child must not take what the parent has not read. */
int main(void)
{
    static char input[1 << 16];
    bool skips = false;
    size_t length = fread(input, 1, sizeof input - 1, stdin);
    input[length] = 0;
    for (char *rest = NULL, *line = strtok_r(input, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        memset(words, 0, sizeof words);
        sscanf(line, "%63s %63s %63s %63s %63s %63s", words[0], words[1], words[2], words[3], words[4], words[5]);
        if (!forked(&skips))
            find_and_run();
    }
    return 0;
}
