/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of device buffers alone, against a model of it: buffers of which each counts what holds it. Ends with 0 if both agree.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "device_table.h"

enum { BUFFERS = 3000, FILES = 2000, NAMES = 2000, PAGES = 20000, PAGE_BYTES = 4096 };
#define RANGES_FROM ((uintptr_t)1 << 30)

__thread unsigned record_inside;
_Alignas(CONTROL_BYTES) union control_pages recorder_control;

/* The model: a buffer is its number; 0 is none. */
static int holders[BUFFERS * 100], made, freed;
static int of_file[FILES], of_name[NAMES], times[NAMES], of_page[PAGES];
static uint32_t things[BUFFERS * 100]; /* what the table calls it */
static uint32_t device;

static void check(int holds, const char *what)
{
    if (holds)
        return;
    printf("%s, after %d buffers\n", what, made);
    exit(1);
}

void table_freed(const struct caller *from, uint32_t number, uint64_t bytes)
{
    check(from != NULL && bytes == 7u * (uint64_t)number, "another buffer was freed");
    check(holders[number] == 0, "a buffer was freed that something holds");
    holders[number] = -1;
    freed++;
}

static unsigned below(unsigned most)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 20) % most;
}

/* The model lets go first: the table says that it is free in the same call. */
static void change(int *place, int number)
{
    holders[*place] -= *place != 0;
    holders[number] += number != 0;
    *place = number;
}

static int new_buffer(uint32_t *thing)
{
    *thing = thing_make(THING_BUFFER, 7u * (uint64_t)(made + 1));
    check(*thing != 0, "no memory");
    made++;
    things[made] = *thing;
    check(thing_number(*thing) == (uint32_t)made, "another number");
    return made;
}

static int some_buffer(void)
{
    int number = of_file[below(FILES)];
    return number != 0 ? number : of_name[below(NAMES)];
}

/* A new one, an old one, or none. */
static void file_step(void)
{
    unsigned file = below(FILES);
    uint32_t thing = 0;
    int is_new = below(3) == 0, number = is_new ? new_buffer(&thing) : below(2) == 0 ? some_buffer() : 0;
    if (!is_new && number != 0)
        thing = things[number];
    int before = of_file[file];
    holders[0] = 0;
    change(&of_file[file], number);
    check(file_put((int)file, thing), "no room");
    if (is_new)
        thing_drop(thing);
    check(before == 0 || before == number || holders[before] != 0, "a buffer without holders was not freed");
    check(table_file((int)file) == thing, "another thing");
}

static void name_step(void)
{
    unsigned name = below(NAMES);
    int number = some_buffer(), before = of_name[name];
    if (before != 0 && below(2) == 0) {
        if (--times[name] == 0)
            change(&of_name[name], 0);
        name_take(device, NAME_HANDLE, name, things[before]);
        check(holders[before] != 0, "a buffer without holders was not freed");
    } else if (number != 0) {
        times[name] = before == number ? times[name] + 1 : 1;
        change(&of_name[name], number);
        check(name_put(device, NAME_HANDLE, name, things[number]), "no room");
    }
    check(name_find(device, NAME_HANDLE, name) == (of_name[name] == 0 ? 0 : things[of_name[name]]),
          "another buffer has the name");
}

/* Each page is a holder in the model: in how many ranges they are does not matter. */
static void cut(unsigned first, unsigned count)
{
    uintptr_t at = RANGES_FROM + first * PAGE_BYTES;
    size_t expected = 0;
    for (unsigned page = first; page < first + count; page++) {
        expected += of_page[page] != 0 ? PAGE_BYTES : 0;
        change(&of_page[page], 0);
    }
    check(range_cut(at, at + count * PAGE_BYTES) == expected, "other bytes were cut");
}

static void range_step(void)
{
    unsigned first = below(PAGES - 20), count = 1 + below(20);
    uintptr_t at = RANGES_FROM + first * PAGE_BYTES;
    int number = some_buffer();
    cut(first, count);
    if (number == 0 || holders[number] <= 0 || below(3) == 0)
        return;
    for (unsigned page = first; page < first + count; page++)
        change(&of_page[page], number);
    check(range_put(at, at + count * PAGE_BYTES, things[number], 0), "no room");
    uint32_t buffer, owner;
    check(range_find(at + PAGE_BYTES / 2, &buffer, &owner) && buffer == things[number] && owner == 0, "another range");
    check(!range_find(RANGES_FROM - 1, &buffer, &owner), "a range before all");
}

static void ended(void)
{
    for (unsigned file = 0; file < FILES; file++) {
        change(&of_file[file], 0);
        check(file_put((int)file, 0), "no room");
    }
    cut(0, PAGES);
    for (unsigned name = 0; name < NAMES; name++)
        change(&of_name[name], 0);
    thing_drop(device); /* takes all names along */
    check(made == freed, "not all were freed");
}

int main(void)
{
    const struct caller from = {1, 2, 3};
    check(!table_enter(&from) && table_file(0) == 0, "something is known at first");
    check(table_start() && table_start() && table_enter(&from), "it does not start");
    check(!table_enter(&from), "it is entered twice");
    device = thing_make(THING_ION, 0);
    for (int step = 0; step < 200000; step++)
        below(2) == 0 ? file_step() : below(2) == 0 ? name_step() : range_step();
    ended();
    table_leave();
    printf("%d buffers\n", made);
    return made > BUFFERS ? 0 : 1;
}
