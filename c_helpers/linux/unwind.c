/* SPDX-License-Identifier: Apache-2.0 */
#include "unwind.h"

#include <stddef.h>
#include <string.h>

#include "cfi.h"
#include "log.h"
#include "modules.h"
#include "options.h"
#include "recorder.h"
#include "sys.h"

#define FRAMES_MOST 512u
#define CHECKS_A_FRAME 4u
#define RULES_FIRST 512u
#define RULES_MOST 32768u
#define RULES_SPARE 2u                        /* places a rule: the first look finds it */
#define PROBES_MOST 64u                       /* pages that are looked at to join two that can be read */
#define FRAME_BYTES_MOST ((uintptr_t)1 << 20) /* of a frame that a frame pointer alone vouches for */
#define BAD_WALKS 6u
#define PLAIN_FIRST 16u
#define PLAIN_MOST 512u
#define CALLERS 256u /* stacks of one frame whose numbers are kept */
#define MULTIPLIER 0x9e3779b97f4a7c15u
#define BASE 0xd1342543de82ef95u /* of the polynomial that hashes PCs */

/* A word of the stack that a walk has read. */
struct check {
    uintptr_t address, value;
};

/* A frame of the last walk. Its state is what the walk had when it came to it; its checks end at `checks`. */
struct frame {
    uintptr_t pc, sp, fp;
    uint64_t hash; /* of all PCs from the outermost on */
    uint32_t checks;
    uint32_t number; /* of the stack that has this frame innermost; 0: unknown */
    bool needs_fp;   /* the frames outside it depend on fp */
};

/* A frame that this walk has found, and what it read to find the caller's. */
struct step {
    uintptr_t pc, sp, fp;
    struct check fp_read; /* address 0: fp is the caller's, too */
    uint8_t reads;
    bool uses_fp;
    struct check read[CHECKS_A_FRAME - 1u];
};

struct caller_number {
    uintptr_t pc;
    uint32_t number;
};

struct walker {
    struct rule *rules; /* open addressing; the first is never used */
    unsigned rules_room, rules_count;
    uint32_t rules_generation, readable_generation;
    uintptr_t low, high; /* what can be read */
    unsigned bad, plain, pause;
    unsigned frames_count;
    enum stack_end end;               /* of the frames' */
    bool stack_changed;               /* during this walk */
    struct frame frames[FRAMES_MOST]; /* outermost first */
    struct step steps[FRAMES_MOST];   /* innermost first */
    struct check checks[CHECKS_A_FRAME * FRAMES_MOST];
    uintptr_t pcs[DEPTH_MOST];
    struct caller_number callers[CALLERS];
};

static uint32_t readable_generation = 1;

void unwind_forget_readable(void)
{
    (void)__atomic_fetch_add(&readable_generation, 1u, __ATOMIC_RELEASE);
}

struct walker *walker_new(void)
{
    struct walker *walker = own_pages(sizeof *walker);
    struct rule *rules = own_pages(RULES_FIRST * sizeof *rules);
    if (walker == NULL || rules == NULL) {
        own_pages_free(walker, sizeof *walker);
        own_pages_free(rules, RULES_FIRST * sizeof *rules);
        return NULL;
    }
    walker->rules = rules;
    walker->rules_room = RULES_FIRST;
    walker->pause = PLAIN_FIRST;
    return walker;
}

void walker_free(struct walker *walker)
{
    if (walker == NULL)
        return;
    own_pages_free(walker->rules, walker->rules_room * sizeof *walker->rules);
    own_pages_free(walker, sizeof *walker);
}

void walker_forget(struct walker *walker)
{
    walker->low = walker->high = 0;
    walker->frames_count = 0;
}

/* --- what can be read --- */

/* Makes the readable range hold `address`, or be its page alone. */
static bool range_extend(struct walker *walker, uintptr_t address)
{
    int error = errno;
    uintptr_t page = address & ~(uintptr_t)(PAGE - 1u);
    bool can = sys_can_read(page);
    if (can) {
        uintptr_t from = page < walker->low ? page + PAGE : walker->high, to = page < walker->low ? walker->low : page;
        bool joined = walker->high != 0 && to - from <= PROBES_MOST * PAGE;
        for (uintptr_t at = from; joined && at < to; at += PAGE)
            joined = sys_can_read(at);
        if (!joined) {
            walker->low = walker->high = page;
            walker->frames_count = 0; /* they are of another stack, which may be gone */
            walker->stack_changed = true;
        }
        walker->low = page < walker->low ? page : walker->low;
        walker->high = page + PAGE > walker->high ? page + PAGE : walker->high;
    }
    errno = error;
    return can;
}

static inline bool readable(struct walker *walker, uintptr_t address)
{
    if (address % sizeof(uintptr_t) != 0)
        return false;
    return LIKELY(address - walker->low < walker->high - walker->low) || range_extend(walker, address);
}

static inline uintptr_t word_at(uintptr_t address)
{
    return *(const uintptr_t *)address;
}

/* --- rules --- */

/* Where the rule of `pc` is, or is to go. */
static inline struct rule *rule_place(const struct walker *walker, uintptr_t pc)
{
    unsigned slot = (unsigned)((uint64_t)pc * MULTIPLIER >> 40) & (walker->rules_room - 1u);
    while (__builtin_expect(walker->rules[slot].pc != pc && walker->rules[slot].pc != 0, 0))
        slot = (slot + 1u) & (walker->rules_room - 1u);
    return &walker->rules[slot];
}

/* More room, or none of the old rules. */
static void rules_grow(struct walker *walker)
{
    unsigned room = walker->rules_room, grown = 2u * room;
    struct rule *old = walker->rules, *fresh = room < RULES_MOST ? own_pages(grown * sizeof *fresh) : NULL;
    if (fresh == NULL) {
        memset(old, 0, room * sizeof *old);
        walker->rules_count = 0;
        return;
    }
    walker->rules = fresh;
    walker->rules_room = grown;
    for (unsigned i = 0; i < room; i++) {
        if (old[i].pc != 0)
            *rule_place(walker, old[i].pc) = old[i];
    }
    own_pages_free(old, room * sizeof *old);
}

/* For code that no unwind information describes: what its own bytes say. */
static struct rule rule_by_code(const struct module *module, uintptr_t pc)
{
    struct rule rule = {.pc = pc, .cfa_how = CFA_UNKNOWN};
    const uint8_t *code = (const uint8_t *)pc;
    bool restores_fp = false;
    if (module->end - pc < 16u)
        return rule;
    if (code_ends_signal(code)) {
        rule.cfa_how = CFA_SIGNAL;
        return rule;
    }
    int32_t cfa = code_returns(code, &restores_fp);
    if (cfa == 0)
        return rule;
    rule.cfa = ((uint32_t)cfa + CFA_BIAS) & 0xffffffu;
    rule.cfa_how = CFA_SP;
    rule.ra = -(int16_t)sizeof(uintptr_t);
    rule.fp_how = restores_fp ? FP_AT_CFA : FP_SAME;
    rule.fp = restores_fp ? -2 * (int16_t)sizeof(uintptr_t) : 0;
    return rule;
}

/* Are the words that it reads within the frame, between sp and the CFA, and aligned as sp is? From a frame pointer on, the last two words are. */
static bool is_simple(const struct rule *rule)
{
    int32_t word = (int32_t)sizeof(uintptr_t), size = (int32_t)rule->cfa - (int32_t)CFA_BIAS;
    int32_t most = rule->cfa_how == CFA_SP ? size : 2 * word, fp = rule->fp_how == FP_AT_CFA ? rule->fp : -word;
    bool is_usual = (rule->cfa_how == CFA_SP || rule->cfa_how == CFA_FP) && rule->fp_how != FP_AT_FP;
    bool is_within = rule->ra < 0 && -rule->ra <= most && fp < 0 && -fp <= most;
    return is_usual && is_within && rule->ra % word == 0 && fp % word == 0 && size % word == 0;
}

static struct rule rule_make(uintptr_t pc, bool exact)
{
    struct rule rule = {.pc = pc, .cfa_how = CFA_NOWHERE};
    struct module module;
    if (!MACHINE_UNWINDS || !modules_find(pc, &module))
        return rule;
    if (pc - module.start >= 8u && module.end - pc >= 16u && code_ends_signal((const uint8_t *)pc))
        rule = rule_by_code(&module, pc);
    else
        rule = cfi_rule(&module, pc, exact);
    if (rule.cfa_how == CFA_UNKNOWN)
        rule = rule_by_code(&module, pc);
    rule.is_simple = is_simple(&rule);
    rule.after_call = pc - module.start >= 8u && code_follows_call((const uint8_t *)pc);
    return rule;
}

static __attribute__((noinline)) struct rule *rule_add(struct walker *walker, uintptr_t pc)
{
    struct rule made = rule_make(pc, false);
    if (RULES_SPARE * walker->rules_count >= walker->rules_room)
        rules_grow(walker);
    struct rule *rule = rule_place(walker, pc);
    *rule = made;
    walker->rules_count++;
    return rule;
}

static inline struct rule *rule_search(struct walker *walker, uintptr_t pc)
{
    struct rule *rule = rule_place(walker, pc);
    return LIKELY(rule->pc == pc) ? rule : rule_add(walker, pc);
}

/* --- one step --- */

/* With `step` NULL a walk is plain: then the compiler leaves out what would be kept. */
#define INLINE inline __attribute__((always_inline))

/* Where a walk is. */
struct place {
    uintptr_t pc, sp, fp;
    uintptr_t ra; /* in the register of return addresses, if known */
    bool exact;   /* pc was interrupted, and not called from */
    bool sp_is_known;
};

enum stepped { STEPPED, STEPPED_PAST_END, STEPPED_NOWHERE };

static bool read_word(struct walker *walker, struct step *step, uintptr_t address, uintptr_t *value)
{
    if (!readable(walker, address))
        return false;
    *value = word_at(address);
    if (step != NULL)
        step->read[step->reads++] = (struct check){address, *value};
    return true;
}

/* Where the caller's frame pointer is; a word that is compared only if frames outside depend on it. */
static bool read_fp(struct walker *walker, struct step *step, uintptr_t address, uintptr_t *fp)
{
    if (!readable(walker, address))
        return false;
    *fp = word_at(address);
    if (step != NULL)
        step->fp_read = (struct check){address, *fp};
    return true;
}

static void uses_fp(struct step *step)
{
    if (step != NULL)
        step->uses_fp = true;
}

/* By the chain of frame pointers: each step of it has to look like a call. */
static enum stepped step_by_chain(struct walker *walker, struct place *place, struct step *step)
{
    const uintptr_t word = sizeof(uintptr_t);
    uintptr_t fp = place->fp, ra, caller;
    uses_fp(step);
    if (fp == 0)
        return STEPPED_PAST_END;
    if (fp + (uintptr_t)CHAIN_END * word < place->sp || fp - place->sp > FRAME_BYTES_MOST)
        return STEPPED_NOWHERE;
    uintptr_t outer;
    if (!read_word(walker, step, fp + (uintptr_t)CHAIN_RA * word, &ra) ||
        !read_fp(walker, step, fp + (uintptr_t)CHAIN_FP * word, &outer))
        return STEPPED_NOWHERE;
    caller = code_address(ra);
    if (caller == 0)
        return STEPPED_PAST_END;
    if (!rule_search(walker, caller)->after_call)
        return STEPPED_NOWHERE;
    place->fp = outer;
    place->sp = fp + (uintptr_t)CHAIN_END * word;
    place->pc = caller;
    place->sp_is_known = CHAIN_ENDS_FRAME;
    return STEPPED;
}

static enum stepped step_over_signal(struct walker *walker, struct place *place, struct step *step)
{
    uintptr_t sp = place->sp, pc, outer;
    if (SIGNAL_PC == 0 || !read_word(walker, step, sp + SIGNAL_PC, &pc) ||
        !read_word(walker, step, sp + SIGNAL_SP, &outer))
        return STEPPED_NOWHERE;
    if (!read_fp(walker, step, sp + SIGNAL_FP, &place->fp))
        return STEPPED_NOWHERE;
    if (SIGNAL_RA != 0 && !read_word(walker, step, sp + SIGNAL_RA, &place->ra))
        return STEPPED_NOWHERE;
    place->pc = pc;
    place->sp = outer;
    place->exact = true;
    return STEPPED;
}

static INLINE uintptr_t either(bool first, uintptr_t one, uintptr_t other)
{
    uintptr_t mask = 0u - (uintptr_t)first;
    __asm__("" : "+r"(mask)); /* or the compiler makes a branch of it */
    return (one & mask) | (other & ~mask);
}

static __attribute__((noinline)) bool frame_is_readable(struct walker *walker, uintptr_t sp, uintptr_t cfa)
{
    return readable(walker, cfa - sizeof(uintptr_t)) && walker->low <= sp;
}

/* By a rule of the usual kind: the CFA is at a distance from sp or fp, and the return address, and perhaps fp, are in the frame that ends there.
 * Whether a function saves fp nobody can foretell, so there is no branch on it. What is below sp was seen to be readable. */
static INLINE enum stepped step_by_simple_rule(struct walker *walker, struct place *place, const struct rule *rule,
                                               struct step *step)
{
    bool by_fp = rule->cfa_how == CFA_FP, saves_fp = rule->fp_how == FP_AT_CFA;
    uintptr_t cfa = (__builtin_expect(by_fp, 0) ? place->fp : place->sp) + rule_cfa_offset(rule);
    bool is_frame = cfa - place->sp > sizeof(uintptr_t) * by_fp && cfa % sizeof(uintptr_t) == 0 && cfa > place->sp;
    if (__builtin_expect(!is_frame || (cfa > walker->high && !frame_is_readable(walker, place->sp, cfa)), 0))
        return STEPPED_NOWHERE;
    uintptr_t ra_at = cfa + rule_offset(rule->ra);
    uintptr_t fp_at = either(saves_fp, cfa + rule_offset(rule->fp), ra_at);
    uintptr_t ra = word_at(ra_at), fp = word_at(fp_at);
    if (step != NULL) {
        step->read[0] = (struct check){ra_at, ra};
        step->reads = 1;
        step->fp_read = (struct check){either(saves_fp, fp_at, 0), fp};
        step->uses_fp = by_fp;
    }
    place->fp = either(saves_fp, fp, place->fp);
    place->pc = code_address(ra);
    place->sp = cfa;
    return __builtin_expect(place->pc == 0, 0) ? STEPPED_PAST_END : STEPPED;
}

static bool cfa_find(struct walker *walker, const struct place *place, const struct rule *rule, struct step *step,
                     uintptr_t *cfa)
{
    if (rule->cfa_how == CFA_SP) {
        *cfa = place->sp + rule_cfa_offset(rule);
        return true;
    }
    uses_fp(step);
    *cfa = place->fp + rule_cfa_offset(rule);
    return rule->cfa_how == CFA_FP || read_word(walker, step, *cfa, cfa);
}

/* By any rule of unwind information. */
static enum stepped step_by_rule(struct walker *walker, struct place *place, const struct rule *rule, struct step *step)
{
    uintptr_t cfa, ra = place->ra;
    if (!cfa_find(walker, place, rule, step, &cfa) || cfa < place->sp)
        return STEPPED_NOWHERE;
    if (rule->ra != RA_IN_REGISTER && !read_word(walker, step, cfa + rule_offset(rule->ra), &ra))
        return STEPPED_NOWHERE;
    if (rule->ra == RA_IN_REGISTER && !place->exact)
        return STEPPED_NOWHERE;
    if (rule->fp_how != FP_SAME) {
        uintptr_t at = (rule->fp_how == FP_AT_CFA ? cfa : place->fp) + rule_offset(rule->fp);
        if (rule->fp_how == FP_AT_FP)
            uses_fp(step);
        if (!read_fp(walker, step, at, &place->fp))
            return STEPPED_NOWHERE;
    }
    if (cfa == place->sp && rule->ra != RA_IN_REGISTER)
        return STEPPED_NOWHERE;
    place->pc = code_address(ra);
    place->sp = cfa;
    place->exact = false;
    return place->pc == 0 ? STEPPED_PAST_END : STEPPED;
}

static enum stepped step_by_other(struct walker *walker, struct place *place, const struct rule *rule,
                                  struct step *step)
{
    bool by_rule = rule->cfa_how >= CFA_SP && rule->cfa_how <= CFA_AT_FP;
    if (by_rule && (place->sp_is_known || rule->cfa_how != CFA_SP))
        return step_by_rule(walker, place, rule, step);
    if (rule->cfa_how == CFA_END)
        return STEPPED_PAST_END;
    if (rule->cfa_how == CFA_SIGNAL)
        return step_over_signal(walker, place, step);
    return rule->cfa_how == CFA_NOWHERE ? STEPPED_NOWHERE : step_by_chain(walker, place, step);
}

/* From a frame to its caller's. `step` gets the frame and what was read. */
static INLINE enum stepped step_out(struct walker *walker, struct place *place, struct step *step)
{
    if (step != NULL) {
        step->pc = place->pc;
        step->sp = place->sp;
        step->fp = place->fp;
        step->fp_read.address = 0;
        step->reads = 0;
        step->uses_fp = false;
    }
    if (LIKELY(!place->exact && place->sp_is_known)) {
        const struct rule *rule = rule_search(walker, place->pc);
        if (LIKELY(rule->is_simple))
            return step_by_simple_rule(walker, place, rule, step);
    }
    struct place other = *place; /* so that a walk's own place stays in registers */
    struct rule rule = other.exact ? rule_make(other.pc, true) : *rule_search(walker, other.pc);
    enum stepped stepped = step_by_other(walker, &other, &rule, step);
    *place = other;
    return stepped;
}

/* --- walks --- */

static struct stack stack_of(uint64_t hash, unsigned depth, enum stack_end end)
{
    hash = (hash ^ (uint64_t)end << 61) * MULTIPLIER;
    hash ^= hash >> 32;
    hash *= MULTIPLIER;
    return (struct stack){.hash = hash == 0 ? 1 : hash, .depth = depth, .end = end};
}

static struct place place_of(const struct caller *from)
{
    return (struct place){.pc = from->pc, .sp = from->sp, .fp = from->fp, .sp_is_known = true};
}

static struct stack walk_plainly(struct walker *walker, const struct caller *from)
{
    struct place place = place_of(from);
    uint64_t hash = 0, power = 1;
    unsigned depth = 0;
    enum stepped stepped = STEPPED;
    while (stepped == STEPPED && depth < options.depth) {
        walker->pcs[depth++] = place.pc;
        hash += place.pc * power;
        power *= BASE;
        stepped = step_out(walker, &place, NULL);
    }
    enum stack_end end = stepped == STEPPED ? STACK_CUT : stepped == STEPPED_PAST_END ? STACK_WHOLE : STACK_LOST;
    struct stack stack = stack_of(hash, depth, end);
    stack.pcs = walker->pcs;
    return stack;
}

static inline uintptr_t differs(const struct check *check)
{
    return word_at(check->address) ^ check->value;
}

/* How many of the outermost frames of the last walk have all words as they were that were read there. */
static inline unsigned frames_that_hold(const struct walker *walker)
{
    unsigned count = walker->frames_count, checks = walker->frames[count - 1u].checks, i = 0;
    const struct check *check = walker->checks;
    while (i + 4u <= checks && LIKELY((differs(&check[i]) | differs(&check[i + 1u]) | differs(&check[i + 2u]) |
                                       differs(&check[i + 3u])) == 0))
        i += 4u;
    while (i < checks && differs(&check[i]) == 0)
        i++;
    if (LIKELY(i == checks))
        return count;
    count = count < i ? count : i; /* a frame has a check or more */
    while (count > 0 && walker->frames[count - 1u].checks > i)
        count--;
    return count;
}

static inline bool is_at(const struct frame *frame, const struct place *place)
{
    return frame->sp == place->sp && frame->pc == place->pc && !place->exact &&
           (!frame->needs_fp || frame->fp == place->fp);
}

/* Has the walk come to one of the `count` outermost frames of the last walk, which hold? Leaves it and those outside it. */
static inline bool meets(const struct walker *walker, const struct place *place, unsigned *count)
{
    if (*count == 0 || LIKELY(place->sp < walker->frames[*count - 1u].sp))
        return false;
    while (*count > 0 && walker->frames[*count - 1u].sp < place->sp)
        (*count)--;
    return *count > 0 && !walker->stack_changed && is_at(&walker->frames[*count - 1u], place);
}

/* Puts the frame that a step found on those outside it. */
static void frame_add(struct walker *walker, unsigned at, const struct step *step)
{
    const struct frame *outer = at == 0 ? NULL : &walker->frames[at - 1u];
    bool outer_needs_fp = outer != NULL && outer->needs_fp;
    uint32_t checks = outer == NULL ? 0 : outer->checks;
    for (unsigned i = 0; i < step->reads; i++)
        walker->checks[checks++] = step->read[i];
    if (step->fp_read.address != 0 && outer_needs_fp)
        walker->checks[checks++] = step->fp_read;
    walker->frames[at] = (struct frame){
        .pc = step->pc,
        .sp = step->sp,
        .fp = step->fp,
        .hash = (outer == NULL ? 0 : outer->hash * BASE) + step->pc,
        .checks = checks,
        .needs_fp = step->uses_fp || (step->fp_read.address == 0 && outer_needs_fp),
    };
}

/* Does it pay to keep frames? If not, walks are plain for a while. */
static void reuse_judge(struct walker *walker, unsigned reused, unsigned found)
{
    if (found <= reused || found < 4u) {
        walker->bad = 0;
        walker->pause = PLAIN_FIRST;
        return;
    }
    if (++walker->bad < BAD_WALKS)
        return;
    walker->bad = BAD_WALKS - 2u; /* two more are enough the next time */
    walker->plain = walker->pause;
    walker->pause = walker->pause < PLAIN_MOST ? 2u * walker->pause : PLAIN_MOST;
}

static uint64_t power_of_depth(void)
{
    static uint64_t known;
    uint64_t power = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (power != 0)
        return power;
    power = 1;
    for (unsigned i = 0; i < options.depth; i++)
        power *= BASE;
    __atomic_store_n(&known, power, __ATOMIC_RELAXED);
    return power;
}

/* The innermost frames of those that are kept. */
static struct stack stack_of_frames(struct walker *walker)
{
    unsigned count = walker->frames_count;
    struct frame *innermost = &walker->frames[count - 1u];
    uint64_t hash = innermost->hash;
    bool cut = count > options.depth;
    if (cut)
        hash -= walker->frames[count - 1u - options.depth].hash * power_of_depth();
    struct stack stack = stack_of(hash, cut ? options.depth : count, cut ? STACK_CUT : walker->end);
    stack.number = &innermost->number;
    return stack;
}

/* Of the frames of the last walk, the `reused` outermost hold. False: there are too many frames to be kept. */
static bool walk_reusing(struct walker *walker, const struct caller *from, unsigned reused)
{
    struct place place = place_of(from);
    unsigned found = 0;
    enum stepped stepped = STEPPED;
    while (!meets(walker, &place, &reused)) {
        if (found == FRAMES_MOST)
            return false;
        stepped = step_out(walker, &place, &walker->steps[found++]);
        if (stepped != STEPPED) {
            walker->end = stepped == STEPPED_PAST_END ? STACK_WHOLE : STACK_LOST;
            reused = 0;
            break;
        }
    }
    if (reused + found > FRAMES_MOST)
        return false;
    for (unsigned i = 0; i < found; i++)
        frame_add(walker, reused + i, &walker->steps[found - 1u - i]);
    walker->frames_count = reused + found;
    reuse_judge(walker, reused, found);
    return true;
}

/* What was known does not hold any more. */
static void walker_renew(struct walker *walker, uint32_t rules, uint32_t pages)
{
    if (rules != walker->rules_generation) {
        memset(walker->rules, 0, walker->rules_room * sizeof *walker->rules);
        walker->rules_count = 0;
    }
    walker->rules_generation = rules;
    walker->readable_generation = pages;
    walker_forget(walker);
}

uint32_t unwind(struct walker *walker, const struct caller *from, struct stack *stack)
{
    uint32_t rules = __atomic_load_n(&modules_generation, __ATOMIC_ACQUIRE);
    uint32_t pages = __atomic_load_n(&readable_generation, __ATOMIC_ACQUIRE);
    if (__builtin_expect(rules != walker->rules_generation || pages != walker->readable_generation, 0))
        walker_renew(walker, rules, pages);
    walker->stack_changed = false;
    if (__builtin_expect(!readable(walker, from->sp), 0)) /* if it is another stack, nothing is kept any more */
        return unwind_caller(walker, from, stack);
    if (walker->plain > 0) {
        walker->plain--;
        *stack = walk_plainly(walker, from);
        return 0;
    }
    unsigned count = walker->frames_count, hold = count == 0 ? 0 : frames_that_hold(walker);
    const struct frame *last = &walker->frames[count - 1u];
    bool is_last = count != 0 && hold == count && last->sp == from->sp && last->pc == from->pc &&
                   (!last->needs_fp || last->fp == from->fp);
    if (is_last && last->number != 0) {
        walker->bad = 0;
        return last->number;
    }
    if (walk_reusing(walker, from, hold)) {
        *stack = stack_of_frames(walker);
    } else {
        walker->frames_count = 0;
        walker->plain = PLAIN_MOST;
        *stack = walk_plainly(walker, from);
    }
    return 0;
}

const uintptr_t *unwind_pcs(struct walker *walker, const struct stack *stack)
{
    if (stack->pcs != NULL)
        return stack->pcs;
    for (unsigned i = 0; i < stack->depth; i++)
        walker->pcs[i] = walker->frames[walker->frames_count - 1u - i].pc;
    return walker->pcs;
}

uint32_t unwind_caller(struct walker *walker, const struct caller *from, struct stack *stack)
{
    struct caller_number *known = &walker->callers[((uint64_t)from->pc * MULTIPLIER >> 40) % CALLERS];
    if (LIKELY(known->pc == from->pc && known->number != 0))
        return known->number;
    *known = (struct caller_number){from->pc, 0};
    *stack = stack_of(from->pc, 1, STACK_WHOLE);
    stack->number = &known->number;
    stack->pcs = &known->pc;
    return 0;
}
