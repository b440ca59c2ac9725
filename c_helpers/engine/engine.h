/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine: replays a log, piece by piece, into a profile. gdbext/model/profile.py says what is counted,
 * gdbext/trace/replay.py and log.py are its reference: both give the same for the same bytes.
 *
 * Approach: no input or output, no globals, no recursion. Bytes are pushed in; rows are taken from where the caller has
 * them. What a log can make large has a bound; memory depends on live blocks, owners and distinct stacks. A call that
 * fails leaves `status`, after which the engine takes nothing more.
 * Rejected: a pull parser (the caller decides where bytes come from, and when it has enough of them).
 * Cost: 22 to 43 ns an event; 62 bytes a live block at most, some 1.5 KB an owner. */
#ifndef MEMTRACE_ENGINE_H
#define MEMTRACE_ENGINE_H

#include "blocks.h"
#include "layout.h"
#include "meanings.h"
#include "memory.h"
#include "memtrace_format.h"
#include "ranges.h"

enum {
    ENGINE_PLACES = 4096,
    ENGINE_MOST_BEGUN = 4096,
    ENGINE_MOST_ODDITIES = 64,
    ENGINE_MOST_SEARCHES = 64,
    ENGINE_MOST_MARKS = 4096,
    ENGINE_MOST_LIVES = 1000,
    ENGINE_MOST_ENDS = 65,
    ENGINE_MOST_BUCKETS = 1024,
    ENGINE_MOST_NODES = 1 << 22,
    ENGINE_MOST_HEAPS = 1 << 12,
    ENGINE_MOST_NAMES = 1 << 16,
    ENGINE_MOST_MODULES = 1 << 14,
    ENGINE_MOST_PCS = 1 << 24,
    ENGINE_MOST_FRAMES = 255,
    ENGINE_MOST_STREAMS = 1 << 16,
    ENGINE_MOST_WAITING = 1 << 22,
    ENGINE_MOST_PACKED = 65536,
    ENGINE_LONGEST_TEXT = 4096,
    ENGINE_COUNTERS = 8
};

enum engine_status {
    ENGINE_GOOD,
    ENGINE_NO_MEMORY,
    ENGINE_NO_LOG,       /* `header` has what should have been one */
    ENGINE_TOO_SHORT,    /* for a header */
    ENGINE_MANY_STREAMS, /* more than ENGINE_MOST_STREAMS */
    ENGINE_CALL_FAILED   /* one of `struct engine_calls` */
};

/* Who allocates. Numbers are the log's, or those that MEANINGS_RENAMED tells of. */
struct owner {
    uint64_t stack, context, tag, heap;
};

enum engine_answer { ENGINE_NO, ENGINE_YES, ENGINE_FAILED };

struct engine;

/* What the engine asks of its caller. Those not needed are NULL. */
struct engine_calls {
    void *context;
    /* The nodes of a new owner: calls engine_add_node for each. NO: it is left out. */
    enum engine_answer (*group)(void *context, struct engine *engine, const struct owner *owner, const uint64_t *pcs,
                                size_t count);
    /* Whether events of an owner belong into the tail. */
    enum engine_answer (*passes)(void *context, const struct owner *owner, const uint64_t *pcs, size_t count);
    /* Unpacks one frame of zstd to just `size` bytes. NO: it is none. */
    enum engine_answer (*unpack)(void *context, const unsigned char *packed, size_t count, unsigned char *made,
                                 size_t size);
};

enum moment_kind { MOMENT_NONE, MOMENT_MARK, MOMENT_SEQ, MOMENT_TIME };

struct moment {
    enum moment_kind kind;
    uint64_t value;   /* of a number or time */
    const char *name; /* of a mark: UTF-8 */
    size_t name_bytes;
};

enum run_wish { RUN_LAST, RUN_ALL, RUN_NUMBER };

struct wish {
    struct moment since, until;
    uint64_t least, most; /* sizes that count */
    enum run_wish run;
    uint64_t run_number; /* from 1 on */
    bool is_tracking;
    uint64_t track;
    size_t tail;         /* events to keep; 0: none */
    uint32_t tail_kinds; /* a bit for each kind */
    uint64_t tail_least, tail_most, tail_low, tail_high, tail_first, tail_last;
    uint64_t multiplier; /* any number that who wrote the log cannot know */
};

/* Of an owner. Sums go round at 2^64. */
struct use {
    int64_t live_bytes, live_blocks, peak_bytes, peak_blocks;
    uint64_t allocations, bytes;
    uint64_t peak; /* number of the global peak that at_peak_ is of */
    uint32_t first_node, nodes;
    uint64_t frees, temporary, lifetime;
    int64_t at_peak_bytes, at_peak_blocks;
    uint32_t name; /* index into `named` */
};

struct node {
    int64_t live_bytes, live_blocks, peak_bytes, peak_blocks;
};

/* An owner of any event. */
struct named {
    struct owner owner;
    uint32_t use;              /* index into `uses`, NO_OWNER, or NOT_ASKED */
    enum engine_answer passes; /* into the tail */
    bool is_passing_known;
};

#define NOT_ASKED (NO_OWNER - 1)
#define MOST_NAMED (NO_OWNER - 1)
#define OVERFLOWN UINT32_MAX /* there was no room for its name */

/* A place in a table that leads from an event's third word and heap to what is known of its owner. */
struct seen {
    uint64_t whose;
    uint32_t value;
    uint16_t heap;       /* a larger one is not in the table */
    uint16_t generation; /* 0: a free place */
};

struct seen_table {
    struct seen *entries;
    size_t capacity, count;
    unsigned shift;
};

struct owners {
    struct seen_table used;  /* index into `uses`, or NO_OWNER */
    struct seen_table known; /* index into `named` */
    uint16_t generation;     /* of definitions, from 1 on: places of older ones must be looked up again */
    struct named *named;
    size_t named_capacity, named_count;
    uint32_t *index; /* of named: index + 1 */
    size_t index_capacity;
    struct use *uses;
    size_t use_capacity, use_count;
    uint32_t *links; /* node numbers of owners */
    size_t link_capacity, link_count;
    struct node *nodes;
    size_t node_capacity, node_count;
};

struct mark {
    uint64_t seq, time, name;
};

struct end {
    struct mark mark;
    size_t count; /* owners there were */
    int64_t *live;
};

struct ends {
    uint64_t every;   /* a power of two */
    uint64_t left;    /* to be counted before the next end is noted */
    uint64_t counted; /* when `left` was set to `step` */
    uint64_t step;
    uint64_t newest; /* event of the newest end that is kept */
    size_t count;
    struct end noted[ENGINE_MOST_ENDS];
    struct end first;
    bool is_begun;
};

struct bucket {
    uint64_t number; /* times its width: where it begins */
    int64_t least_bytes, most_bytes, last_bytes, most_blocks, last_blocks;
};

struct timeline {
    uint64_t end; /* the last moment of the bucket that is open */
    struct bucket now;
    bool is_open;
    unsigned shift; /* width: 1 << shift */
    size_t count;
    struct bucket buckets[ENGINE_MOST_BUCKETS]; /* those before it */
};

struct totals {
    uint64_t events, failed, double_frees, interior_frees, unknown_frees, older, replaced, marks_left;
    uint64_t allocations, bytes, frees, temporary; /* added up at the end */
    int64_t live_bytes, live_blocks, peak_bytes, peak_blocks, at_peak_blocks;
    uint64_t peak; /* how many there were */
    uint64_t peak_seq, peak_time;
    uint64_t last_seq, last_time;
    struct event first, failed_at;
    uint64_t restarts; /* how often the recorder was off for a while */
    bool has_failed;
};

/* What a free, or the begin of a reallocation, has ended and counted. */
struct freed {
    struct block block; /* address 0: none */
    uint64_t older, temporary, lifetime;
};

/* A reallocation whose end has not come. */
struct begun {
    uint64_t stream, low; /* low bits of its number in its stream */
    uint64_t seq;
    uint64_t stack;
    struct freed freed;
    uint16_t same, newer, older; /* index + 1; 0: there is none */
};

struct reallocations {
    struct begun begun[ENGINE_MOST_BEGUN];
    uint16_t heads[ENGINE_MOST_BEGUN]; /* by hash: index + 1 */
    uint16_t oldest, newest, free;     /* index + 1; free ones hang together by `same` */
    size_t fresh;                      /* entries behind these were never used */
};

struct place {
    uint64_t address;
    uint32_t owner;
};

enum oddity_kind { ODDITY_DOUBLE, ODDITY_INTERIOR, ODDITY_UNKNOWN, ODDITY_REPLACED };

struct oddity {
    enum oddity_kind kind;
    uint64_t seq, address;
    struct owner owner;
    uint32_t block; /* its owner, or NO_OWNER */
};

/* A block that held the address that is followed. */
struct life {
    uint64_t address, size;
    uint64_t seq, time; /* NO_NUMBER: older than the log */
    uint64_t freed_seq;
    struct owner freed_owner;
    uint32_t owner;
    bool is_known; /* its allocation is */
    bool is_mapped, is_open, is_freed;
};

struct tail_event {
    struct event event;
    struct owner owner;
};

struct module {
    uint64_t base;
    uint32_t id_bytes, path_bytes;
    unsigned char *bytes; /* build-id, then path */
};

/* Definitions that are not used by their numbers. */
struct others {
    struct numbers heaps; /* struct meaning: capabilities, then the name */
    struct module *modules;
    size_t module_capacity, module_count;
    bool has_counts, has_failure, has_process;
    uint32_t counts[ENGINE_COUNTERS];
    unsigned char function[ENGINE_LONGEST_TEXT], text[ENGINE_LONGEST_TEXT];
    size_t function_bytes, text_bytes;
    struct memtrace_process process;
    unsigned char command[ENGINE_LONGEST_TEXT];
    size_t command_bytes;
    size_t pcs;            /* of all stacks that are defined */
    uint64_t lost, unread; /* up to the end of the run */
};

struct stream {
    uint64_t name;
    uint64_t due;   /* the number that comes next */
    uint64_t least; /* the earliest time of a row */
    uint64_t top;   /* the latest time so far */
    struct waiting *events;
    size_t capacity, first, count; /* a ring */
};

/* An event that waits, as stored: it fills one line of a cache. */
struct waiting {
    _Alignas(64) uint64_t top;
    uint64_t words[4], own, time;
};

/* The first waiting event of a stream: what decides which one is next. */
struct next {
    uint64_t top, own;
    size_t stream; /* its index */
};

struct streams {
    struct stream *all;
    size_t capacity, count;
    struct numbers by_name; /* index + 1 */
    struct next *heap;      /* of streams with waiting events, the earliest on top */
    size_t heap_capacity, heap_count;
    size_t waiting;
    uint64_t place; /* of the next event */
};

/* The bytes that wait for more. */
struct parser {
    struct layout layout;
    size_t (*rows)(struct engine *engine, const unsigned char *bytes, size_t rows); /* takes those of this layout */
    bool has_header;
    unsigned char *carry;
    size_t carry_capacity, have, need;
    size_t stream; /* whose region it is */
    bool is_bounded;
    uint64_t left; /* bytes of the region */
    uint64_t lost, unread;
    unsigned char *columns; /* of a pack: room for the largest */
};

struct engine {
    enum engine_status status;
    struct memory memory;
    struct wish wish;
    struct engine_calls calls;
    unsigned char header[HEADER_BYTES]; /* of the run that is counted, or what was refused */
    struct parser parser;
    struct streams streams;
    struct numbers defined_stacks, defined_names, defined_tags; /* in this run; names: of contexts and marks */
    struct meanings stacks, names;                              /* names: of tags, too */
    struct others others;
    bool has_unknown_stack; /* some event had a stack that was not defined */

    uint64_t runs;
    bool is_wanted, is_counting, is_over;
    bool is_restarted; /* in this run the recorder was off for a while */
    bool has_clock;    /* of the run that is counted */
    uint64_t base, latest, moment, in_run;
    uint64_t lost_before, unread_before, unread;
    uint64_t newest; /* the address that was allocated last */
    size_t searches;
    struct blocks blocks;
    struct ranges ranges;
    struct owners owners;
    struct totals totals;
    struct ends by_mark, by_time;
    struct timeline timeline;
    struct place *places;
    struct reallocations *reallocations;
    struct oddity oddities[2 * ENGINE_MOST_ODDITIES];
    size_t oddity_count[2]; /* others, unknown frees */
    struct mark *marks;
    size_t mark_capacity, mark_count;
    struct life *lives; /* a ring of ENGINE_MOST_LIVES */
    size_t life_count;
    struct tail_event *tail; /* a ring */
    size_t tail_capacity;
    uint64_t tail_count;
};

/* Returns NULL if there is no memory. The names of marks in `wish` must live as long as the engine. */
struct engine *engine_new(const struct wish *wish, const struct engine_calls *calls);

/* Takes the next bytes of a log, cut anywhere. */
enum engine_status engine_feed(struct engine *engine, const unsigned char *bytes, size_t count);

/* Takes the end of the log. What there is then may be read from the fields above. */
enum engine_status engine_finish(struct engine *engine);

/* Settles what has been counted so far, and more may be fed. Events of streams that wait for others are not in it. */
enum engine_status engine_pause(struct engine *engine);

/* Adds a node to those of the owner that is asked for. Each may come once. */
enum engine_answer engine_add_node(struct engine *engine, uint64_t node);

void engine_delete(struct engine *engine);

#endif
