/* SPDX-License-Identifier: Apache-2.0
 *
 * Several contexts: a timer interrupt that allocates, tasks that pass blocks on.
 */
#include "board.h"
#include "rtos.h"
#include "scenarios.h"

#define STACK_BYTES 4096u

/* ---- a queue between contexts ---- */

enum { QUEUE_SLOTS = 16 };

static void *volatile queue[QUEUE_SLOTS];
static volatile unsigned queue_in;
static volatile unsigned queue_out;

static bool queue_put(void *block)
{
    if (queue_in - queue_out == QUEUE_SLOTS) {
        return false;
    }
    queue[queue_in % QUEUE_SLOTS] = block;
    queue_in++;
    return true;
}

static void *queue_get(void)
{
    if (queue_in == queue_out) {
        return NULL;
    }
    void *block = queue[queue_out % QUEUE_SLOTS];
    queue_out++;
    return block;
}

/* ---- timer interrupt ---- */

enum { TICKS = 200, TICK_PERIOD = 2000, ISR_MESSAGE = 80 };

static volatile uint32_t isr_ticks; /* messages that were queued */
static volatile bool isr_overflows;
static char *volatile isr_damaged; /* the right-hand block, once its header is hit */

SCENARIO static char *isr_message_create(void)
{
    return malloc(ISR_MESSAGE); /* LINE: isr-alloc */
}

SCENARIO static void isr_message_send(void)
{
    char *message = isr_message_create();
    memset(message, 'm', ISR_MESSAGE);
    if (queue_put(message)) {
        isr_ticks++;
    } else {
        free(message); /* LINE: isr-free */
    }
}

/* Only where two messages are neighbours: the interrupted task allocates as well, so it may take some ticks. */
SCENARIO static void isr_message_overflow(void)
{
    char *left = isr_message_create();
    char *right = isr_message_create();
    if (right == left + ISR_MESSAGE + sizeof(size_t)) {
        memset(left, 0x3D, ISR_MESSAGE + 4); /* LINE: isr-write */
        isr_damaged = right;
    }
}

SCENARIO static void timer_tick(void)
{
    if (isr_ticks < TICKS) {
        isr_message_send();
    } else if (isr_overflows && isr_damaged == NULL) {
        isr_message_overflow();
    }
}

SCENARIO static void message_consume(void *message)
{
    free(message); /* LINE: isr-consume */
}

/* The task allocates between the interrupts, too. */
SCENARIO static void messages_consume(void)
{
    unsigned consumed = 0;
    while (consumed < TICKS) {
        void *own = malloc(SCENARIO_SIZE);
        void *message = queue_get();
        if (message != NULL) {
            message_consume(message);
            consumed++;
        }
        free(own);
    }
}

SCENARIO void test_isr(void)
{
    board_timer_start(TICK_PERIOD, timer_tick);
    messages_consume();
    board_timer_stop();
}

SCENARIO void test_isr_overflow(void)
{
    board_timer_start(TICK_PERIOD, timer_tick);
    messages_consume();
    isr_overflows = true; /* from here on the task leaves the heap alone */
    while (isr_damaged == NULL) {
    }
    board_timer_stop();
    message_consume(isr_damaged);
}

/* An interrupt allocates and nobody else does meanwhile: whatever the allocator's lock is, the heap stays whole. */
enum { FEW = 3 };

SCENARIO void test_isr_few(void)
{
    board_timer_start(TICK_PERIOD, timer_tick);
    while (isr_ticks < FEW) {
    }
    board_timer_stop();
    message_consume(queue_get());
}

/* ---- tasks ---- */

enum { MESSAGES = 60, MESSAGE = 96, LINE_BYTES = 72 };

static struct task producer_task;
static struct task consumer_task;
static struct task logger_task;
static char producer_stack[STACK_BYTES] __attribute__((aligned(16)));
static char consumer_stack[STACK_BYTES] __attribute__((aligned(16)));
static char logger_stack[STACK_BYTES] __attribute__((aligned(16)));
static unsigned tasks_alive;
static char *logger_line;

SCENARIO static char *message_build(void)
{
    char *message = malloc(MESSAGE); /* LINE: tasks-produce */
    memset(message, 'p', MESSAGE);
    return message;
}

SCENARIO static void producer_main(void)
{
    for (unsigned i = 0; i < MESSAGES; i++) {
        queue_put(message_build());
        task_yield();
    }
    tasks_alive--;
}

SCENARIO static void message_handle(void *message)
{
    free(message); /* LINE: tasks-consume */
}

SCENARIO static void consumer_main(void)
{
    for (unsigned handled = 0; handled < MESSAGES;) {
        void *message = queue_get();
        if (message != NULL) {
            message_handle(message);
            handled++;
        }
        task_yield();
    }
    tasks_alive--;
}

SCENARIO static char *line_create(void)
{
    return malloc(LINE_BYTES); /* LINE: tasks-log-alloc */
}

SCENARIO static void logger_main(void)
{
    for (unsigned i = 0; i < MESSAGES; i++) {
        char *line = line_create();
        memset(line, 'l', LINE_BYTES);
        task_yield();
        free(line); /* LINE: tasks-log-free */
    }
    tasks_alive--;
}

static void task_start(struct task *task, const char *name, task_entry entry, char *stack)
{
    task_create(task, name, entry, stack, STACK_BYTES);
    tasks_alive++;
}

SCENARIO static void tasks_wait(void)
{
    while (tasks_alive > 0) {
        task_yield();
    }
}

SCENARIO void test_tasks(void)
{
    task_start(&producer_task, "producer", producer_main, producer_stack);
    task_start(&consumer_task, "consumer", consumer_main, consumer_stack);
    task_start(&logger_task, "logger", logger_main, logger_stack);
    tasks_wait();
}

/* The logger's line lies before the producer's message; the consumer, which did nothing wrong, hits the assertion. */
SCENARIO static void bad_logger_main(void)
{
    logger_line = line_create();
    task_yield();
    memset(logger_line, 0x4B, LINE_BYTES + 4); /* LINE: tasks-write */
    tasks_alive--;
}

SCENARIO static void single_producer_main(void)
{
    char *message = message_build();
    neighbours_expect(logger_line, LINE_BYTES, message);
    task_yield();
    task_yield();
    queue_put(message);
    tasks_alive--;
}

SCENARIO void test_tasks_overflow(void)
{
    task_start(&logger_task, "logger", bad_logger_main, logger_stack);
    task_start(&producer_task, "producer", single_producer_main, producer_stack);
    task_start(&consumer_task, "consumer", consumer_main, consumer_stack);
    tasks_wait();
}
