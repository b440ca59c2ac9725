/* SPDX-License-Identifier: Apache-2.0 */
#include "modules.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>

#include "log.h"
#include "recorder.h"
#include "sys.h"

#define MODULES_FIRST 128u
#define MODULES_MOST 65536u
#define HEADERS_MOST 128u
#define NOTES_MOST 32u
#define LINE_MOST 4352u /* a path and what stands before it */
#define MISSES_MOST 65536u

uint32_t modules_generation = 1;

static struct module *table;
static unsigned table_room, table_count;
static bool table_is_old;
static uint32_t misses, misses_until_look = 1; /* of code that is nowhere: looked for less and less often */

/* A line of /proc/self/maps. */
struct line {
    uintptr_t start, end, offset, inode;
    bool readable, executable;
    const char *path;
    size_t path_length;
};

/* --- ELF files in memory --- */

#define NOTE_ALIGN(size) (((size_t)(size) + 3u) & ~(size_t)3u)

/* The build-id among the notes from `at` to `end`. */
static const uint8_t *build_id_find(uintptr_t at, uintptr_t end, size_t *bytes)
{
    for (unsigned i = 0; i < NOTES_MOST && at + sizeof(ElfW(Nhdr)) <= end; i++) {
        const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;
        uintptr_t name = at + sizeof *note, text = name + NOTE_ALIGN(note->n_namesz);
        if (note->n_namesz > end - at || note->n_descsz > end - at || text + note->n_descsz > end)
            return NULL;
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp((const void *)name, "GNU", 4) == 0) {
            *bytes = note->n_descsz < 64u ? note->n_descsz : 64u;
            return (const uint8_t *)text;
        }
        at = text + NOTE_ALIGN(note->n_descsz);
    }
    return NULL;
}

/* The program headers in the mapping that has the file's beginning; NULL: it is no ELF file. */
static const ElfW(Phdr) * headers_of(const struct line *first, unsigned *count)
{
    const ElfW(Ehdr) *elf = (const ElfW(Ehdr) *)first->start;
    size_t mapped = first->end - first->start;
    if (mapped < sizeof *elf || memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 || elf->e_phentsize != sizeof(ElfW(Phdr)))
        return NULL;
    *count = elf->e_phnum < HEADERS_MOST ? elf->e_phnum : HEADERS_MOST;
    if (elf->e_phoff > mapped || *count * sizeof(ElfW(Phdr)) > mapped - elf->e_phoff)
        return NULL;
    return (const ElfW(Phdr) *)(first->start + elf->e_phoff);
}

static uintptr_t base_of(const struct line *first, const ElfW(Phdr) * headers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (headers[i].p_type == PT_LOAD)
            return first->start - (headers[i].p_vaddr - headers[i].p_offset);
    }
    return first->start;
}

static void module_define(const struct module *module, const struct line *line, const uint8_t *id, size_t id_bytes)
{
    uint8_t length = (uint8_t)id_bytes;
    const struct part parts[] = {{&length, 1}, {id, id_bytes}, {line->path, line->path_length}};
    log_define(MEMTRACE_DEF_MODULE, module->base, 0, parts, 3);
    memtrace_word is_program = log_head.header->build_id[0] == 0 && table_count == 0;
    if (is_program && id_bytes != 0)
        memcpy(log_head.header->build_id, id, id_bytes < MEMTRACE_BUILD_ID_BYTES ? id_bytes : MEMTRACE_BUILD_ID_BYTES);
}

/* Fills in what the ELF file says, and defines it in the log if `is_new`. */
static void module_read(struct module *module, const struct line *first, const struct line *line, bool is_new)
{
    unsigned count = 0;
    const ElfW(Phdr) *headers = headers_of(first, &count);
    if (headers == NULL)
        return;
    module->base = base_of(first, headers, count);
    const uint8_t *id = NULL;
    size_t id_bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        uintptr_t at = module->base + headers[i].p_vaddr;
        if (headers[i].p_type == PT_GNU_EH_FRAME && sys_can_read(at) && sys_can_read(at + headers[i].p_memsz - 1u))
            module->unwind = at;
        if (headers[i].p_type == PT_NOTE && id == NULL && at >= first->start && at < first->end &&
            headers[i].p_memsz <= first->end - at)
            id = build_id_find(at, at + headers[i].p_memsz, &id_bytes);
    }
    if (is_new)
        module_define(module, line, id, id_bytes);
}

/* --- /proc/self/maps --- */

static uintptr_t hex_read(const char **text)
{
    uintptr_t value = 0;
    for (;; (*text)++) {
        char c = **text;
        if (c >= '0' && c <= '9')
            value = value << 4 | (uintptr_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uintptr_t)(c - 'a' + 10);
        else
            return value;
    }
}

/* START-END rwxp OFFSET DEVICE INODE PATH; `text` ends with a NUL. */
static struct line line_read(const char *text)
{
    struct line line = {0};
    line.start = hex_read(&text);
    text += *text == '-';
    line.end = hex_read(&text);
    text += *text == ' ';
    line.readable = text[0] == 'r';
    line.executable = text[0] != 0 && text[1] != 0 && text[2] == 'x';
    text += strcspn(text, " ");
    text += *text == ' ';
    line.offset = hex_read(&text);
    text += strspn(text, " ");
    text += strcspn(text, " ");
    text += *text == ' ';
    line.inode = hex_read(&text); /* decimal digits: only compared */
    text += strspn(text, " ");
    line.path = text;
    line.path_length = strlen(text);
    return line;
}

static bool is_of_file(const struct line *line)
{
    return line->path[0] == '/' || strcmp(line->path, "[vdso]") == 0;
}

static uint64_t identity_of(const struct line *line, uintptr_t low)
{
    uint64_t hash = low ^ (uint64_t)line->inode << 20;
    for (size_t i = 0; i < line->path_length; i++)
        hash = (hash ^ (uint8_t)line->path[i]) * 0x100000001b3u;
    return hash;
}

static bool table_grow(void)
{
    if (table_room >= MODULES_MOST)
        return false;
    unsigned room = table_room == 0 ? MODULES_FIRST : 2u * table_room;
    struct module *grown = own_pages(room * sizeof *grown);
    if (grown == NULL)
        return false;
    if (table != NULL)
        memcpy(grown, table, table_count * sizeof *grown);
    own_pages_free(table, table_room * sizeof *grown);
    table = grown;
    table_room = room;
    return true;
}

struct reading {
    struct line first; /* the mapping of the beginning of a file */
    uint64_t of;       /* its identity */
    const struct module *known;
    unsigned known_count;
};

static bool was_known(const struct reading *reading, uint64_t identity)
{
    for (unsigned i = 0; i < reading->known_count; i++) {
        if (reading->known[i].identity == identity)
            return true;
    }
    return false;
}

/* Another range of code, of the module before or of a new one. */
static void code_add(struct reading *reading, const struct line *line)
{
    bool of_file = is_of_file(line) && reading->of == identity_of(line, reading->first.start);
    struct module *last = table_count == 0 ? NULL : &table[table_count - 1];
    uint64_t identity = of_file ? reading->of : 0;
    if (last != NULL && last->identity == identity && (of_file || last->end == line->start)) {
        last->end = last->high = line->end;
        return;
    }
    if (table_count == table_room && !table_grow())
        return;
    struct module *module = &table[table_count];
    *module = (struct module){
        .start = line->start, .end = line->end, .low = line->start, .high = line->end, .identity = identity};
    if (of_file) {
        module->low = reading->first.start;
        module_read(module, &reading->first, line, !was_known(reading, identity));
    }
    table_count++;
}

static void line_take(struct reading *reading, const char *text)
{
    struct line line = line_read(text);
    if (is_of_file(&line) && line.offset == 0 && line.readable) {
        reading->first = line;
        reading->of = identity_of(&line, line.start);
    }
    if (line.executable && strcmp(line.path, "[vsyscall]") != 0)
        code_add(reading, &line);
    else if (table_count > 0 && is_of_file(&line) &&
             table[table_count - 1].identity == identity_of(&line, table[table_count - 1].low))
        table[table_count - 1].high = line.end;
}

/* All lines of the file, through a buffer that holds one. */
static void maps_read(int file, struct reading *reading)
{
    static char buffer[2u * LINE_MOST];
    size_t held = 0;
    for (;;) {
        ssize_t got = read(file, buffer + held, sizeof buffer - 1u - held);
        if (got <= 0)
            return;
        held += (size_t)got;
        buffer[held] = 0;
        char *at = buffer, *end;
        while ((end = strchr(at, '\n')) != NULL) {
            *end = 0;
            line_take(reading, at);
            at = end + 1;
        }
        held -= (size_t)(at - buffer);
        memmove(buffer, at, held);
    }
}

/* Under the lock. Modules of `known` are not defined in the log again. */
static void table_read(bool all_are_new)
{
    table_is_old = false;
    int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    size_t bytes = table_room * sizeof *table;
    struct module *known = all_are_new || bytes == 0 ? NULL : sys_pages(bytes);
    struct reading reading = {.known = known, .known_count = known == NULL ? 0 : table_count};
    if (known != NULL)
        memcpy(known, table, table_count * sizeof *table);
    table_count = 0;
    maps_read(file, &reading);
    sys_unmap(known, bytes);
    sys_close(file);
    (void)__atomic_fetch_add(&modules_generation, 1u, __ATOMIC_RELEASE);
}

static bool table_search(uintptr_t pc, struct module *found)
{
    unsigned low = 0, high = table_count;
    while (low < high) {
        unsigned middle = (low + high) / 2u;
        if (pc >= table[middle].end)
            low = middle + 1u;
        else
            high = middle;
    }
    if (low == table_count || pc < table[low].start)
        return false;
    *found = table[low];
    return true;
}

/* Is it time to look again, for code that is nowhere? */
static bool may_look(void)
{
    if (++misses < misses_until_look)
        return false;
    misses = 0;
    if (misses_until_look < MISSES_MOST)
        misses_until_look *= 2u;
    return true;
}

void modules_start(void)
{
    lock_take(&recorder_control.now.modules_lock);
    table_read(true);
    lock_give(&recorder_control.now.modules_lock);
}

void modules_changed(void)
{
    __atomic_store_n(&table_is_old, true, __ATOMIC_RELEASE);
    (void)__atomic_fetch_add(&modules_generation, 1u, __ATOMIC_RELEASE);
}

void modules_expect(void)
{
    __atomic_store_n(&misses_until_look, 1u, __ATOMIC_RELAXED);
}

bool modules_find(uintptr_t pc, struct module *found)
{
    int error = errno;
    lock_take(&recorder_control.now.modules_lock);
    if (table_is_old)
        table_read(false);
    bool is_there = table_search(pc, found);
    if (!is_there && may_look()) {
        table_read(false);
        is_there = table_search(pc, found);
        if (is_there)
            misses_until_look = 1;
    }
    lock_give(&recorder_control.now.modules_lock);
    errno = error;
    return is_there;
}
