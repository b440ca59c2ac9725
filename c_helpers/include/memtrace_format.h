/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a memtrace ring and of a memtrace log, version 1; docs/reference/format.md has examples.
 *
 * Approach: one header that describes itself (sizes, bit widths, table offsets), fixed-size events, and tables for what
 * repeats (stacks, names). The same header opens a ring in RAM and a log in a file; a log has no tables, its definitions
 * come as records before their first use.
 * Rejected: variable-length events (a torn or overwritten ring could not be entered from its middle); a record with its
 * own stack (32 KiB would hold 290 events in place of 1,400).
 * Assumptions: words are read in the byte order of the machine that wrote them; header.byte_order names it.
 */
#ifndef MEMTRACE_FORMAT_H
#define MEMTRACE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/* C's own word for it is none of C++'s. */
#ifdef __cplusplus
#define MEMTRACE_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define MEMTRACE_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#define MEMTRACE_FORMAT_VERSION 1u

/* The magic's eight bytes. 0x89 keeps it out of text, the newline shows a log that went through a text conversion. */
#define MEMTRACE_MAGIC_FIRST 0x89u
#define MEMTRACE_MAGIC_REST 'M', 'E', 'M', 'T', 'R', 'C', '\n'

enum memtrace_byte_order { MEMTRACE_LITTLE = 1, MEMTRACE_BIG = 2 };

enum memtrace_arch {
    MEMTRACE_ARCH_OTHER = 0,
    MEMTRACE_ARCH_RISCV = 1,
    MEMTRACE_ARCH_XTENSA = 2,
    MEMTRACE_ARCH_X86 = 3,
    MEMTRACE_ARCH_ARM = 4,
    MEMTRACE_ARCH_AARCH64 = 5,
};

/* How the PCs of a stack were found, and so how a reader turns them into places. */
enum memtrace_abi {
    MEMTRACE_ABI_CALLER_ONLY = 0,     /* one return address */
    MEMTRACE_ABI_FRAME_POINTER = 1,   /* return addresses by a chain of frame pointers */
    MEMTRACE_ABI_XTENSA_WINDOWED = 2, /* return addresses whose top two bits hold the window increment */
    MEMTRACE_ABI_XTENSA_CALL0 = 3,
    MEMTRACE_ABI_CODE = 4 /* return addresses by what the functions' code says of their frames */
};

/* What an event says. Kinds below 16 need no payload; the others, in logs only, are followed by `size` payload bytes in whole
 * event units. */
enum memtrace_kind {
    MEMTRACE_EMPTY = 0,         /* never written */
    MEMTRACE_ALLOC = 1,         /* address and size of a block that the allocator has just given */
    MEMTRACE_FREE = 2,          /* address that is about to be given back; recorded before the allocator is called */
    MEMTRACE_REALLOC_BEGIN = 3, /* old address, new size; recorded before the allocator is called */
    MEMTRACE_REALLOC_END = 4, /* new address (0: failed, the old block lives on); stack: low bits of its BEGIN's slot */
    MEMTRACE_ALLOC_FAILED = 5, /* size that could not be had */
    MEMTRACE_MARK = 6,         /* address: number of its name; 2: the table of names was full */
    MEMTRACE_ASSERT = 7,   /* address: 0, or what the allocator was called with; size: line; the last before a freeze */
    MEMTRACE_SYNC = 8,     /* the time from which those of the events behind it are told. words[0], words[1]: full time,
                                   low 32 bits and the rest; words[2] in a ring: time units since the SYNC before it (all
                                   ones: unknown), in a log: low 32 bits of its sequence */
    MEMTRACE_CALLER = 9,   /* address: the PC that called for an event before it, whose stack found no room in the
                                   table; stack: low bits of that event's slot */
    MEMTRACE_CONTROL = 10, /* address: the new enum memtrace_state and the one before, or MEMTRACE_ANEW */
    MEMTRACE_TIME = 11,    /* words[0], words[1]: full time, as SYNC's, of an event before it that no SYNC tells; stack:
                                   low bits of that event's slot */

    /* in logs only */
    MEMTRACE_MAP = 12,   /* a range of addresses that was given: address, size; it replaces what was mapped there */
    MEMTRACE_UNMAP = 13, /* a range that was given back: address, size; any part of what was mapped */
    MEMTRACE_LIVE_BLOCK = 14, /* a block that lives and is older than the log; has no number and no time */

    MEMTRACE_DEF_STACK = 16, /* address: number, heap field: enum memtrace_stack_end; payload: PCs, innermost first;
                                1..255 */
    MEMTRACE_DEF_NAME = 17,  /* address: number, heap field: enum memtrace_name_kind; payload: struct memtrace_heap_name
                                 for a heap, else UTF-8 */
    MEMTRACE_DEF_MODULE = 18, /* address: load base; payload: build-id length, build-id, path */
    MEMTRACE_PACK = 19,       /* address: its events; payload: struct memtrace_pack, then columns */
    MEMTRACE_STREAM = 20,     /* address: number of the stream; payload: struct memtrace_stream; its records follow */
    MEMTRACE_COUNTS = 21,     /* payload: struct memtrace_counts: what was lost so far; the last one counts */
    MEMTRACE_FAILURE = 22,    /* the text of the ASSERT event before it; payload: function, NUL, text, UTF-8 */

    MEMTRACE_PROCESS =
        23,             /* payload: struct memtrace_process, then the command line, UTF-8, its words separated by NUL */
    MEMTRACE_SKIP = 24, /* `size` bytes that say nothing */

    MEMTRACE_BUSY = 31 /* claimed by a writer that has not finished: the word is all ones */
};

enum memtrace_name_kind {
    MEMTRACE_NAME_NONE = 0,
    MEMTRACE_NAME_CONTEXT = 1, /* a task, or one of the three fixed contexts */
    MEMTRACE_NAME_MARK = 2,
    MEMTRACE_NAME_TAG = 3,
    MEMTRACE_NAME_HEAP = 4,
    MEMTRACE_NAME_BUSY = 255 /* the entry is being filled */
};

/* Context numbers are indexes into the table of names; the first three are fixed. */
enum memtrace_context {
    MEMTRACE_CONTEXT_STARTUP = 0, /* before the scheduler runs */
    MEMTRACE_CONTEXT_ISR = 1,
    MEMTRACE_CONTEXT_OTHER = 2, /* a task, or a mark, that found the table of names full */
    MEMTRACE_CONTEXT_FIRST_TASK = 3
};

/* Where a stack ends: the heap field of its definition. */
enum memtrace_stack_end {
    MEMTRACE_STACK_WHOLE = 0,
    MEMTRACE_STACK_CUT = 1,  /* at the limit of frames */
    MEMTRACE_STACK_ENDED = 2 /* early: there was no way to unwind further */
};

/* What a heap's memory is. */
enum memtrace_memory {
    MEMTRACE_MEMORY_UNKNOWN = 0,
    MEMTRACE_MEMORY_INTERNAL = 1, /* RAM of the chip */
    MEMTRACE_MEMORY_EXTERNAL = 2, /* RAM beside the chip */
    MEMTRACE_MEMORY_RETAINED = 3, /* RAM that outlives a reset or sleep */
    MEMTRACE_MEMORY_HOST = 4,     /* of an allocator in a process */
    MEMTRACE_MEMORY_MAPPED = 5,   /* pages of a process */
    MEMTRACE_MEMORY_DEVICE = 6    /* buffers of a device */
};

/* What a reader must know to read on. */
enum memtrace_required {
    MEMTRACE_REQUIRED_PACKS = 1,    /* events stand in PACK records, too */
    MEMTRACE_REQUIRED_STREAMS = 2,  /* there are STREAM records, and so events out of order */
    MEMTRACE_REQUIRED_RANGES = 4,   /* there are MAP and UNMAP events */
    MEMTRACE_REQUIRED_UNSORTED = 8, /* the least times of STREAM records may fall within the file */
    MEMTRACE_REQUIRED_KNOWN = 15    /* all that this version defines */
};

enum memtrace_state {
    MEMTRACE_RECORDING = 0,
    MEMTRACE_FREES_ONLY = 1, /* allocations are not recorded, frees and reallocations are */
    MEMTRACE_STOPPED = 2,
    MEMTRACE_FROZEN = 3 /* an assertion failed: nothing is recorded until a start */
};

/* A CONTROL event's address: the new state in the low 8 bits, the one before it in the next 8. After STOPPED and FROZEN nobody knows what
 * lives of what came before. */
#define MEMTRACE_CONTROL_BEFORE_SHIFT 8u

/* Or this: memtrace_reset. What came before is forgotten. */
#define MEMTRACE_ANEW 4u

/* Entries of the allocator, as bits of header.entries. The low half has one bit for each kind of event. */
enum memtrace_entry {
    MEMTRACE_ENTRY_ALLOC = 1 << 1,
    MEMTRACE_ENTRY_FREE = 1 << 2,
    MEMTRACE_ENTRY_REALLOC = 1 << 3,
    MEMTRACE_ENTRY_ASSERT = 1 << 7, /* the allocator's assertion */
    MEMTRACE_ENTRY_CALLOC = 1 << 16,
    MEMTRACE_ENTRY_ALIGNED = 1 << 17,
    MEMTRACE_ENTRY_NEW = 1 << 18 /* C++'s operators */
};

/* While nothing is asked: minus what keeps events out, which is enum memtrace_state, and 0x100 for a filter. 0: nothing does, and events need
 * not look. */
#define MEMTRACE_REQUEST_OFF (0u - MEMTRACE_STOPPED)

/* What a host may ask by writing header.request; obeyed at the next event, counted in header.request_done. The first three
 * have the order of enum memtrace_state. All lie above 31, so that the recorder's quick way compares this word with the
 * bits of a size that must be 0, and has tested both. */
enum memtrace_request {
    MEMTRACE_REQUEST_NONE = 0,
    MEMTRACE_REQUEST_START = 0x101,
    MEMTRACE_REQUEST_FREES_ONLY = 0x102,
    MEMTRACE_REQUEST_STOP = 0x103,
    MEMTRACE_REQUEST_MARK = 0x104 /* its name is in header.request_name */
};

enum memtrace_flags { MEMTRACE_FLAG_LOG = 1 /* a log: events follow the header, there are no tables */ };

/* Widths of the event's fields in bits. word 1: size | heap; word 2: context | tag | stack; word 3: kind | core | seq | time;
 * the first named field is in the lowest bits. A 64-bit event has the same four words, twice as wide. */
#define MEMTRACE_KIND_BITS 5u
#define MEMTRACE_CORE_BITS 3u
#define MEMTRACE_HEAP_BITS 5u
#define MEMTRACE_TAG_BITS 8u
#define MEMTRACE_SEQ_BITS_32 12u
#define MEMTRACE_TIME_BITS_32 12u
#define MEMTRACE_STACK_BITS_32 16u
#define MEMTRACE_CONTEXT_BITS_32 8u
#define MEMTRACE_SEQ_BITS_64 28u
#define MEMTRACE_TIME_BITS_64 28u
#define MEMTRACE_STACK_BITS_64 32u
#define MEMTRACE_CONTEXT_BITS_64 24u

/* header.head: the next slot in the low 20 bits, how often the ring was filled (its lap) in the high 12. The index may
 * stand at or past the ring's end until the writer there has turned it into the next lap: lap * count + index is the
 * same number before and after. */
#define MEMTRACE_INDEX_BITS 20u
#define MEMTRACE_LAP_BITS 12u

/* The key of a tag's or heap's name: the number in the low 8 bits; a heap's enum memtrace_memory in the next 8, and the framework's
 * capabilities in the upper 32. */
#define MEMTRACE_KEY_MEMORY_SHIFT 8u
#define MEMTRACE_KEY_CAPABILITIES_SHIFT 32u

#define MEMTRACE_NAME_BYTES 20u
#define MEMTRACE_BUILD_ID_BYTES 20u
#define MEMTRACE_ASSERT_TEXT_BYTES 96u
#define MEMTRACE_ASSERT_FUNCTION_BYTES 32u

struct memtrace_event32 {
    uint32_t words[4];
};

struct memtrace_event64 {
    uint64_t words[4];
};

/* A table inside the ring's memory. */
struct memtrace_table {
    uint32_t offset;     /* bytes from the header's first byte */
    uint32_t entry_size; /* bytes */
    uint32_t count;      /* entries; 0: there is no such table */
};

struct memtrace_name {
    union {
        uint64_t
            key; /* a task's handle; all ones of a pointer: its task was deleted; a mark's is 0; a tag's and a heap's
                         tell what the text is the name of: MEMTRACE_KEY_ */
        uint32_t key_halves[2];
    };
    uint32_t kind;                  /* enum memtrace_name_kind; 0: free entry, and so are all behind it */
    char text[MEMTRACE_NAME_BYTES]; /* NUL-padded; not terminated when it fills the field */
};

/* One live block: what its allocation event said, kept until its free. Words as wide as an event's. */
struct memtrace_live32 {
    uint32_t address; /* 0: free entry; 1: being written; else bit 0: its reallocation is under way */
    uint32_t size_heap;
    uint32_t stack_context_tag;
    uint32_t seq; /* low 32 bits of the full sequence number */
};

struct memtrace_live64 {
    uint64_t address;
    uint64_t size_heap;
    uint64_t stack_context_tag;
    uint64_t seq; /* all of it */
};

/* Stack table: an arena of pointer-sized words. Stack number n starts at word n: one word with the depth in its low 8 bits
 * (the upper half is the number of the next stack of the same hash, the recorder's own), then `depth` PCs, innermost
 * first, then a word 0. Word 0 is never used: stack 0 means none.
 * stack_index: 32-bit words, for each hash value the number of its first stack. A reader needs only the arena. */

/* Payloads of a log's records. */
struct memtrace_stream {
    uint64_t bytes;      /* of the records that follow and are this stream's; 0: all up to the next STREAM or header */
    uint64_t least_time; /* no event in them has an earlier time */
};

/* Followed by the columns: for each of planes 0.. its `count` bytes if its bit in `present` is set, else one byte, the same for all
 * events. Planes of a word with W bytes, lowest byte first: address 0..W-1, size and heap W..2W-1, context, tag and stack
 * 2W..3W-1; then kind and core (as in word 3's lowest byte); then four of the time since the event before in the pack, or since `time`. */
struct memtrace_pack {
    uint64_t first;       /* number of the first event; the others follow without a gap */
    uint64_t time;        /* from which the first event's time is counted */
    uint64_t present;     /* bit n: plane n stands here in full */
    uint32_t compression; /* enum memtrace_compression of the columns */
    uint32_t bytes;       /* of the columns before compression */
};

enum memtrace_compression { MEMTRACE_PLAIN = 0, MEMTRACE_ZSTD = 1 };

/* The header's counters of these names, and what a sink could not take. */
struct memtrace_counts {
    uint32_t lost_busy, lost_stopped, filtered, stacks_full, names_full, live_full, size_capped;
    uint32_t dropped; /* events that the sink had no room for */
};

struct memtrace_process {
    uint32_t parent;    /* its number in the operating system */
    uint32_t how;       /* 0: started; 1: forked, so that it has its parent's blocks */
    uint64_t own_bytes; /* memory of the recorder */
};

struct memtrace_heap_name { /* UTF-8 follows */
    uint32_t memory;        /* enum memtrace_memory */
    uint32_t capabilities;  /* as the framework numbers them; 0: none, or unknown */
};

struct memtrace_header {
    uint8_t magic[8];     /* written last by memtrace_init */
    uint8_t byte_order;   /* enum memtrace_byte_order */
    uint8_t pointer_size; /* bytes: 4 or 8 */
    uint8_t arch;         /* enum memtrace_arch */
    uint8_t abi;          /* enum memtrace_abi */
    uint16_t version;     /* MEMTRACE_FORMAT_VERSION */
    uint16_t header_size; /* bytes, to be trusted over sizeof: later versions append */
    uint8_t event_size;   /* bytes: 16 or 32 */
    uint8_t flags;        /* enum memtrace_flags */
    uint8_t size_bits;    /* widths of the event's fields; those of heap and kind are what is left */
    uint8_t stack_bits;
    uint8_t context_bits;
    uint8_t time_bits;
    uint8_t seq_bits;
    uint8_t core_bits;
    uint64_t self;                             /* address of this header where it was recorded; 0 in a log */
    uint32_t total_size;                       /* bytes of the ring with all its tables; 0 in a log */
    uint32_t tick_hz;                          /* time units a second; 0: the target has no clock */
    uint8_t build_id[MEMTRACE_BUILD_ID_BYTES]; /* of the program; zeros: unknown */
    struct memtrace_table events;
    struct memtrace_table stacks;
    struct memtrace_table stack_index;
    struct memtrace_table live;
    struct memtrace_table names;
    uint32_t stack_words_used; /* words of the arena in use, counted from its start; past its end: it is full */
    uint32_t head;             /* the reservation that the next event will get: index | lap << 20 */
    uint32_t laps_high;        /* how often the lap's low 11 bits wrapped; its bit 0 is head's bit 31, or about to be */
    uint32_t state;            /* enum memtrace_state */
    uint32_t request;          /* enum memtrace_request; written by the host, taken by the recorder */
    uint32_t request_done;     /* requests obeyed so far */
    char request_name[MEMTRACE_NAME_BYTES];
    uint32_t lost_busy;       /* sequence numbers without an event: another writer held the slot */
    uint32_t lost_stopped;    /* events that came while frozen; while stopped nothing is counted */
    uint32_t filtered;        /* allocations that a filter or a pause (frees only) kept out: meant, not lost */
    uint32_t stacks_full;     /* events kept with their caller's PC alone */
    uint32_t names_full;      /* names that found no entry */
    uint32_t live_full;       /* blocks that found no entry in the live table */
    uint32_t size_capped;     /* events whose size did not fit: they say the largest size */
    uint32_t min_size;        /* filter, bytes: smaller allocations are not recorded */
    uint32_t heap_mask;       /* filter: bit n set: heap n is recorded */
    uint32_t context_mask[8]; /* filter: bit n set: context n is recorded */
    uint32_t time_low;        /* sync_low once more, written last; they differ: a SYNC is being entered here */
    uint32_t sync_high;       /* full time of the last SYNC, or 0: upper half */
    uint32_t assert_head;     /* reservation of the assertion's event */
    uint32_t assert_line;     /* 0: no assertion has failed */
    char assert_text[MEMTRACE_ASSERT_TEXT_BYTES];
    char assert_function[MEMTRACE_ASSERT_FUNCTION_BYTES];
    uint32_t sync_low;    /* lower half of sync_high's time */
    uint32_t code_region; /* XTENSA_WINDOWED: the top two bits of addresses of code, which PCs do not hold; else 0 */
    uint32_t required;    /* enum memtrace_required: who does not know a bit that is set cannot read on */
    uint32_t run;         /* number of this start of the program, from 1 on; 0: nobody counts them */
    uint64_t started;     /* when it started, in seconds since 1970; 0: unknown */
    uint32_t process;     /* its number in an operating system; 0: there is none */
    uint32_t entries;     /* enum memtrace_entry: those that have been seen to fire */
    uint64_t
        previous; /* address of the header of the run before, which outlived the reset; 0: none is kept, or a log */
};

MEMTRACE_STATIC_ASSERT(sizeof(struct memtrace_event32) == 16, "an event of a 32-bit target is 16 bytes");
MEMTRACE_STATIC_ASSERT(sizeof(struct memtrace_event64) == 32, "an event of a 64-bit target is 32 bytes");
MEMTRACE_STATIC_ASSERT(sizeof(struct memtrace_name) == 32, "a name is 32 bytes");
MEMTRACE_STATIC_ASSERT(sizeof(struct memtrace_live32) == 16, "a live block of a 32-bit target is 16 bytes");
MEMTRACE_STATIC_ASSERT(MEMTRACE_INDEX_BITS + MEMTRACE_LAP_BITS == 32, "head is one 32-bit word");
MEMTRACE_STATIC_ASSERT(MEMTRACE_TIME_BITS_32 + MEMTRACE_SEQ_BITS_32 + MEMTRACE_CORE_BITS + MEMTRACE_KIND_BITS == 32,
                       "word 3");
MEMTRACE_STATIC_ASSERT(MEMTRACE_STACK_BITS_32 + MEMTRACE_CONTEXT_BITS_32 + MEMTRACE_TAG_BITS == 32, "word 2");
MEMTRACE_STATIC_ASSERT(MEMTRACE_TIME_BITS_64 + MEMTRACE_SEQ_BITS_64 + MEMTRACE_CORE_BITS + MEMTRACE_KIND_BITS == 64,
                       "word 3");
MEMTRACE_STATIC_ASSERT(MEMTRACE_STACK_BITS_64 + MEMTRACE_CONTEXT_BITS_64 + MEMTRACE_TAG_BITS == 64, "word 2");
MEMTRACE_STATIC_ASSERT(offsetof(struct memtrace_header, version) == 12, "header");
MEMTRACE_STATIC_ASSERT(offsetof(struct memtrace_header, self) == 24, "header");
MEMTRACE_STATIC_ASSERT(offsetof(struct memtrace_header, build_id) == 40, "header");
MEMTRACE_STATIC_ASSERT(offsetof(struct memtrace_header, events) == 60, "header");
MEMTRACE_STATIC_ASSERT(offsetof(struct memtrace_header, stack_words_used) == 120, "header");
MEMTRACE_STATIC_ASSERT(offsetof(struct memtrace_header, request_name) == 144, "header");
MEMTRACE_STATIC_ASSERT(offsetof(struct memtrace_header, lost_busy) == 164, "header");
MEMTRACE_STATIC_ASSERT(offsetof(struct memtrace_header, context_mask) == 200, "header");
MEMTRACE_STATIC_ASSERT(offsetof(struct memtrace_header, time_low) == 232, "header");
MEMTRACE_STATIC_ASSERT(offsetof(struct memtrace_header, assert_text) == 248, "header");
MEMTRACE_STATIC_ASSERT(offsetof(struct memtrace_header, assert_function) == 344, "header");
MEMTRACE_STATIC_ASSERT(offsetof(struct memtrace_header, sync_low) == 376, "header");
MEMTRACE_STATIC_ASSERT(offsetof(struct memtrace_header, required) == 384, "header");
MEMTRACE_STATIC_ASSERT(offsetof(struct memtrace_header, started) == 392, "header");
MEMTRACE_STATIC_ASSERT(offsetof(struct memtrace_header, previous) == 408, "header");
MEMTRACE_STATIC_ASSERT(sizeof(struct memtrace_header) == 416, "header");
MEMTRACE_STATIC_ASSERT(sizeof(struct memtrace_header) % sizeof(struct memtrace_event64) == 0, "records are aligned");

#endif
