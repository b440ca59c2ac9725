/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program on Linux may say to the recorder that is preloaded into it. Without the recorder nothing happens: the program needs no library,
 * at build time or later, and behaves the same.
 *
 *     #include "memtrace_checkpoint.h"
 *     memtrace_checkpoint("level loaded");
 *
 * Approach: in code for any address, which compilers make by default, a weak symbol is the recorder's function or 0; a call is a load and a
 * comparison. In code for fixed addresses (-fno-pie) the linker would make that 0 for good, so the function is looked up by name, once a file.
 * Rejected: a library to link with (a program for customers would need it); dlsym alone (it is slow, and lies in libdl in old C libraries).
 * Assumptions: GCC or clang. A program with -static is never recorded, and nothing happens.
 *
 * Without this header, in any language: dlsym(RTLD_DEFAULT, "memtrace_checkpoint"), and call what it gives, if that is not NULL.
 */
#ifndef MEMTRACE_CHECKPOINT_H
#define MEMTRACE_CHECKPOINT_H

#ifdef __cplusplus
extern "C" {
#endif

/* The recorder's functions under names of ours, so that the functions below can have theirs. */
#if defined(__PIC__) || defined(__PIE__)

#define MEMTRACE_FROM_RECORDER(own, name, parameters) void own parameters __asm__(name) __attribute__((weak))
MEMTRACE_FROM_RECORDER(memtrace_recorder_mark, "memtrace_checkpoint", (const char *));
MEMTRACE_FROM_RECORDER(memtrace_recorder_start, "memtrace_recording_start", (void));
MEMTRACE_FROM_RECORDER(memtrace_recorder_stop, "memtrace_recording_stop", (void));
#define MEMTRACE_CALL(own, name, type, arguments) (own ? own arguments : (void)0)

#else

void *memtrace_recorder_find(void *, const char *) __asm__("dlsym") __attribute__((weak));
#if defined(__ANDROID__) && !defined(__LP64__)
#define MEMTRACE_ANYWHERE MEMTRACE_CAST(void *, -1)
#else
#define MEMTRACE_ANYWHERE MEMTRACE_CAST(void *, 0)
#endif
/* C++ has casts of its own, and compilers that complain of C's. */
#ifdef __cplusplus
#define MEMTRACE_CAST(type, value) reinterpret_cast<type>(value)
#else
#define MEMTRACE_CAST(type, value) ((type)(value))
#endif
/* Two threads may look it up at once: both find the same. */
#define MEMTRACE_CALL(own, name, type, arguments) \
    do { \
        static type found; \
        static int asked; \
        if (!__atomic_load_n(&asked, __ATOMIC_ACQUIRE)) { \
            if (memtrace_recorder_find) \
                found = __extension__ MEMTRACE_CAST(type, memtrace_recorder_find(MEMTRACE_ANYWHERE, name)); \
            __atomic_store_n(&asked, 1, __ATOMIC_RELEASE); \
        } \
        if (found) \
            found arguments; \
    } while (0)

#endif

typedef void (*memtrace_named)(const char *);
typedef void (*memtrace_plain)(void);
#define MEMTRACE_INLINE __attribute__((unused)) static inline

/* Puts a mark with this name, UTF-8, into the log of this process. The recorder copies it. May be called in any thread. */
MEMTRACE_INLINE void memtrace_checkpoint(const char *name) __asm__("memtrace_inline_checkpoint");
MEMTRACE_INLINE void memtrace_checkpoint(const char *name)
{
    MEMTRACE_CALL(memtrace_recorder_mark, "memtrace_checkpoint", memtrace_named, (name));
}

/* Records from here on, as `memtrace start --pid`. What was allocated before is unknown to the log. */
MEMTRACE_INLINE void memtrace_recording_start(void) __asm__("memtrace_inline_start");
MEMTRACE_INLINE void memtrace_recording_start(void)
{
    MEMTRACE_CALL(memtrace_recorder_start, "memtrace_recording_start", memtrace_plain, ());
}

/* Records nothing more, as `memtrace stop --pid`. */
MEMTRACE_INLINE void memtrace_recording_stop(void) __asm__("memtrace_inline_stop");
MEMTRACE_INLINE void memtrace_recording_stop(void)
{
    MEMTRACE_CALL(memtrace_recorder_stop, "memtrace_recording_stop", memtrace_plain, ());
}

#ifdef __cplusplus
}
#endif

#endif
