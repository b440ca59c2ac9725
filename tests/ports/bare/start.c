/* SPDX-License-Identifier: Apache-2.0
 *
 * Start-up code and system calls as makers of chips give them: vectors, data, bss, constructors, main.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>

extern uint32_t _estack[], _sidata[], _sdata[], _edata[], _sbss[], _ebss[];
extern char _end[], _heap_end[];

void *__dso_handle;

int main(void);
void __libc_init_array(void);
void _init(void);
void Reset_Handler(void);

__attribute__((weak)) void user_interrupt(void);

void _init(void)
{
}

void Reset_Handler(void)
{
    for (uint32_t *from = _sidata, *to = _sdata; (uintptr_t)to < (uintptr_t)_edata;)
        *to++ = *from++;
    for (uint32_t *to = _sbss; (uintptr_t)to < (uintptr_t)_ebss;)
        *to++ = 0;
    __libc_init_array();
    main();
    for (;;) {
    }
}

__attribute__((section(".isr_vector"), used)) const void *const vectors[16] = {
    [0] = _estack, [1] = (void *)Reset_Handler, [14] = (void *)user_interrupt /* PendSV */
};

void *_sbrk(ptrdiff_t bytes)
{
    static char *heap = _end;
    if ((uintptr_t)heap + (size_t)bytes > (uintptr_t)_heap_end) {
        errno = ENOMEM;
        return (void *)-1;
    }
    heap += bytes;
    return heap - bytes;
}

/* One file, which takes everything. */
int _open(const char *name, int flags, int mode)
{
    (void)name, (void)flags, (void)mode;
    return 3;
}

int _fstat(int file, struct stat *about)
{
    (void)file;
    *about = (struct stat){.st_mode = S_IFCHR};
    return 0;
}

int _write(int file, const char *bytes, int count)
{
    (void)file, (void)bytes;
    return count;
}

int _read(int file, char *bytes, int count)
{
    (void)file, (void)bytes, (void)count;
    return 0;
}

int _lseek(int file, int offset, int from)
{
    (void)file, (void)offset, (void)from;
    return 0;
}

int _isatty(int file)
{
    (void)file;
    return 0;
}

int _close(int file)
{
    (void)file;
    return 0;
}

int _getpid(void)
{
    return 1;
}

int _kill(int process, int signal)
{
    (void)process, (void)signal;
    return -1;
}

void _exit(int status)
{
    (void)status;
    for (;;) {
    }
}
