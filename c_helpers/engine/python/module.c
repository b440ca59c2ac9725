/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine as gdbext._engine. Numbers and plain tuples pass here; gdbext/trace/engine.py makes values of them.
 *
 * Approach: one type. Whoever feeds it gives the interpreter's lock away; the engine's calls take it for as long as they run.
 * Beside it a function that finds words in a text, for the reader of consoles.
 * Rejected: a type for each value (they are Python's already). */
#include "../words.h"
#include "values.h"

/* An engine, and what it calls. */
struct replay {
    PyObject_HEAD struct engine *engine;
    PyObject *group, *passes, *unpack; /* None: not wanted */
    PyObject *since, *until;           /* bytes: the names of marks */
    bool is_busy;                      /* a thread feeds it */
};

static PyObject *call_with_owner(PyObject *callable, const struct owner *owner, const uint64_t *pcs, size_t count)
{
    PyObject *named = value_of_owner(owner), *stack = value_of_pcs(pcs, count), *answer = NULL;
    if (named != NULL && stack != NULL) {
        answer = PyObject_CallFunctionObjArgs(callable, named, stack, NULL);
    }
    Py_XDECREF(named);
    Py_XDECREF(stack);
    return answer;
}

/* Hands the numbers in a sequence to the engine. */
static enum engine_answer add_nodes(struct engine *engine, PyObject *numbers)
{
    PyObject *items = PySequence_Fast(numbers, "a group is a sequence of numbers");
    enum engine_answer answer = items == NULL ? ENGINE_FAILED : ENGINE_YES;
    Py_ssize_t at;
    for (at = 0; items != NULL && at < PySequence_Fast_GET_SIZE(items) && answer == ENGINE_YES; at++) {
        const unsigned long long node = PyLong_AsUnsignedLongLong(PySequence_Fast_GET_ITEM(items, at));
        answer = PyErr_Occurred() ? ENGINE_FAILED : engine_add_node(engine, node);
        if (answer == ENGINE_NO) {
            PyErr_Format(PyExc_ValueError, "a node's number must be less than %d", ENGINE_MOST_NODES);
            answer = ENGINE_FAILED;
        }
    }
    Py_XDECREF(items);
    return answer;
}

static enum engine_answer call_group(void *context, struct engine *engine, const struct owner *owner,
                                     const uint64_t *pcs, size_t count)
{
    const struct replay *replay = context;
    const PyGILState_STATE state = PyGILState_Ensure();
    PyObject *nodes = call_with_owner(replay->group, owner, pcs, count);
    enum engine_answer answer = ENGINE_NO;
    if (nodes == NULL) {
        answer = ENGINE_FAILED;
    } else if (nodes != Py_None) {
        answer = add_nodes(engine, nodes);
    }
    Py_XDECREF(nodes);
    PyGILState_Release(state);
    return answer;
}

static enum engine_answer call_passes(void *context, const struct owner *owner, const uint64_t *pcs, size_t count)
{
    const struct replay *replay = context;
    const PyGILState_STATE state = PyGILState_Ensure();
    PyObject *passes = call_with_owner(replay->passes, owner, pcs, count);
    const int is_true = passes == NULL ? -1 : PyObject_IsTrue(passes);
    Py_XDECREF(passes);
    PyGILState_Release(state);
    return is_true < 0 ? ENGINE_FAILED : is_true ? ENGINE_YES : ENGINE_NO;
}

static enum engine_answer call_unpack(void *context, const unsigned char *packed, size_t count, unsigned char *made,
                                      size_t size)
{
    const struct replay *replay = context;
    const PyGILState_STATE state = PyGILState_Ensure();
    PyObject *columns = PyObject_CallFunction(replay->unpack, "y#n", packed, (Py_ssize_t)count, (Py_ssize_t)size);
    enum engine_answer answer = ENGINE_NO;
    if (columns == NULL) {
        answer = ENGINE_FAILED;
    } else if (PyBytes_Check(columns) && (size_t)PyBytes_GET_SIZE(columns) == size) {
        memcpy(made, PyBytes_AS_STRING(columns), size);
        answer = ENGINE_YES;
    }
    Py_XDECREF(columns);
    PyGILState_Release(state);
    return answer;
}

static const char *moment_name(PyObject *name, size_t *bytes)
{
    *bytes = (size_t)PyBytes_GET_SIZE(name);
    return PyBytes_AS_STRING(name);
}

/* Fills in a wish from the arguments of Replay(). */
static bool parse_wish(PyObject *arguments, struct wish *wish, struct replay *replay)
{
    int since, until, run, is_tracking;
    unsigned long long numbers[16];
    unsigned int kinds;
    Py_ssize_t tail;
    if (!PyArg_ParseTuple(arguments, "(iKS)(iKS)(KK)(iK)(pK)(nIKKKKKK)KOOO", &since, &numbers[0], &replay->since,
                          &until, &numbers[1], &replay->until, &numbers[2], &numbers[3], &run, &numbers[4],
                          &is_tracking, &numbers[5], &tail, &kinds, &numbers[6], &numbers[7], &numbers[8], &numbers[9],
                          &numbers[10], &numbers[11], &numbers[12], &replay->group, &replay->passes, &replay->unpack)) {
        replay->since = replay->until = replay->group = replay->passes = replay->unpack = NULL;
        return false;
    }
    wish->since.kind = (enum moment_kind)since;
    wish->since.value = numbers[0];
    wish->since.name = moment_name(replay->since, &wish->since.name_bytes);
    wish->until.kind = (enum moment_kind)until;
    wish->until.value = numbers[1];
    wish->until.name = moment_name(replay->until, &wish->until.name_bytes);
    wish->least = numbers[2];
    wish->most = numbers[3];
    wish->run = (enum run_wish)run;
    wish->run_number = numbers[4];
    wish->is_tracking = is_tracking != 0;
    wish->track = numbers[5];
    wish->tail = tail < 0 ? 0 : (size_t)tail;
    wish->tail_kinds = kinds;
    wish->tail_least = numbers[6];
    wish->tail_most = numbers[7];
    wish->tail_low = numbers[8];
    wish->tail_high = numbers[9];
    wish->tail_first = numbers[10];
    wish->tail_last = numbers[11];
    wish->multiplier = numbers[12];
    return true;
}

static void replay_hold(struct replay *replay)
{
    Py_INCREF(replay->since);
    Py_INCREF(replay->until);
    Py_INCREF(replay->group);
    Py_INCREF(replay->passes);
    Py_INCREF(replay->unpack);
}

static PyObject *replay_new(PyTypeObject *type, PyObject *arguments, PyObject *named)
{
    struct replay *replay = (struct replay *)type->tp_alloc(type, 0);
    struct wish wish;
    (void)named;
    if (replay == NULL) {
        return NULL;
    }
    memset(&wish, 0, sizeof wish);
    if (!parse_wish(arguments, &wish, replay)) {
        Py_DECREF(replay);
        return NULL;
    }
    replay_hold(replay);
    const struct engine_calls calls = {replay, replay->group == Py_None ? NULL : call_group,
                                       replay->passes == Py_None ? NULL : call_passes, call_unpack};
    replay->engine = engine_new(&wish, &calls);
    if (replay->engine == NULL) {
        Py_DECREF(replay);
        return PyErr_NoMemory();
    }
    return (PyObject *)replay;
}

static void replay_dealloc(PyObject *self)
{
    struct replay *replay = (struct replay *)self;
    engine_delete(replay->engine);
    Py_XDECREF(replay->since);
    Py_XDECREF(replay->until);
    Py_XDECREF(replay->group);
    Py_XDECREF(replay->passes);
    Py_XDECREF(replay->unpack);
    Py_TYPE(self)->tp_free(self);
}

/* Returns what a status means: a number that engine.py knows, or an exception. */
static PyObject *status_value(const struct replay *replay, enum engine_status status)
{
    if (status == ENGINE_NO_MEMORY) {
        return PyErr_NoMemory();
    }
    if (status == ENGINE_CALL_FAILED) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_RuntimeError, "a call of this replay has failed before");
        }
        return NULL;
    }
    (void)replay;
    return PyLong_FromLong((long)status);
}

static bool replay_enter(struct replay *replay)
{
    if (replay->is_busy) {
        PyErr_SetString(PyExc_RuntimeError, "this replay is being fed");
        return false;
    }
    replay->is_busy = true;
    return true;
}

static PyObject *replay_feed(PyObject *self, PyObject *data)
{
    struct replay *replay = (struct replay *)self;
    enum engine_status status;
    Py_buffer bytes;
    if (PyObject_GetBuffer(data, &bytes, PyBUF_SIMPLE) != 0) {
        return NULL;
    }
    if (!replay_enter(replay)) {
        PyBuffer_Release(&bytes);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    status = engine_feed(replay->engine, bytes.buf, (size_t)bytes.len);
    Py_END_ALLOW_THREADS;
    replay->is_busy = false;
    PyBuffer_Release(&bytes);
    return status_value(replay, status);
}

static PyObject *replay_finish(PyObject *self, PyObject *nothing)
{
    struct replay *replay = (struct replay *)self;
    enum engine_status status;
    (void)nothing;
    if (!replay_enter(replay)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    status = engine_finish(replay->engine);
    Py_END_ALLOW_THREADS;
    replay->is_busy = false;
    return status_value(replay, status);
}

static PyObject *replay_pause(PyObject *self, PyObject *nothing)
{
    struct replay *replay = (struct replay *)self;
    enum engine_status status;
    (void)nothing;
    if (!replay_enter(replay)) {
        return NULL;
    }
    status = engine_pause(replay->engine);
    replay->is_busy = false;
    return status_value(replay, status);
}

/* It may be asked while a group is asked for: it only looks. */
static PyObject *replay_name_of(PyObject *self, PyObject *number)
{
    const unsigned long long wanted = PyLong_AsUnsignedLongLong(number);
    if (PyErr_Occurred() != NULL) {
        return NULL;
    }
    return value_of_name(((struct replay *)self)->engine, wanted);
}

typedef PyObject *(*value_maker)(const struct engine *engine);

static PyObject *replay_value(PyObject *self, value_maker maker)
{
    struct replay *replay = (struct replay *)self;
    PyObject *value;
    if (!replay_enter(replay)) {
        return NULL;
    }
    value = maker(replay->engine);
    replay->is_busy = false;
    return value;
}

static PyObject *replay_profile(PyObject *self, PyObject *nothing)
{
    (void)nothing;
    return replay_value(self, value_of_profile);
}

static PyObject *replay_live(PyObject *self, PyObject *nothing)
{
    (void)nothing;
    return replay_value(self, value_of_live);
}

static PyObject *replay_past(PyObject *self, PyObject *nothing)
{
    (void)nothing;
    return replay_value(self, value_of_past);
}

static PyObject *replay_tail(PyObject *self, PyObject *nothing)
{
    (void)nothing;
    return replay_value(self, value_of_tail);
}

static PyObject *replay_header(PyObject *self, PyObject *nothing)
{
    const struct engine *engine = ((struct replay *)self)->engine;
    (void)nothing;
    return PyBytes_FromStringAndSize((const char *)engine->header, HEADER_BYTES);
}

static PyObject *replay_memory(PyObject *self, PyObject *nothing)
{
    const struct memory *memory = &((struct replay *)self)->engine->memory;
    (void)nothing;
    return Py_BuildValue("(nn)", (Py_ssize_t)memory->used, (Py_ssize_t)memory->most);
}

static PyMethodDef METHODS[] = {
    {"feed", replay_feed, METH_O, "Takes the next bytes of a log, and returns a status."},
    {"finish", replay_finish, METH_NOARGS, "Takes the end of the log, and returns a status."},
    {"pause", replay_pause, METH_NOARGS, "Settles what was counted so far, and returns a status."},
    {"name_of", replay_name_of, METH_O, "Returns what the number of a context or tag means, or None."},
    {"profile", replay_profile, METH_NOARGS, "Returns what was counted."},
    {"live", replay_live, METH_NOARGS, "Returns the blocks and ranges that are live and count."},
    {"past", replay_past, METH_NOARGS, "Returns the lives of the address that was followed, newest first."},
    {"tail", replay_tail, METH_NOARGS, "Returns the last events that pass the filter, oldest first."},
    {"header", replay_header, METH_NOARGS, "Returns the header that was refused."},
    {"memory", replay_memory, METH_NOARGS, "Returns the bytes that are allocated, and the most there were."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject REPLAY = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "gdbext._engine.Replay",
    .tp_doc = "Replays a log.",
    .tp_basicsize = sizeof(struct replay),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = replay_new,
    .tp_dealloc = replay_dealloc,
    .tp_methods = METHODS,
};

/* Takes the words of a tuple. Returns false, with an error set, if they cannot be. */
static bool take_words(struct words *words, PyObject *given)
{
    Py_ssize_t at;
    for (at = 0; at < PyTuple_GET_SIZE(given); at++) {
        PyObject *word = PyTuple_GET_ITEM(given, at);
        if (!PyBytes_Check(word) || PyBytes_GET_SIZE(word) < (Py_ssize_t)WORDS_SHORTEST ||
            at == (Py_ssize_t)WORDS_MOST) {
            PyErr_Format(PyExc_ValueError, "a word has %d bytes or more, and there are at most %d", WORDS_SHORTEST,
                         WORDS_MOST);
            return false;
        }
        words_add(words, (const unsigned char *)PyBytes_AS_STRING(word), (size_t)PyBytes_GET_SIZE(word));
    }
    return true;
}

static PyObject *find_word(PyObject *module, PyObject *arguments)
{
    const char *text;
    Py_ssize_t size, start;
    PyObject *given;
    struct words words = {.count = 0};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y#nO!", &text, &size, &start, &PyTuple_Type, &given) ||
        !take_words(&words, given)) {
        return NULL;
    }
    return PyLong_FromSize_t(
        words_find(&words, (const unsigned char *)text, (size_t)size, (size_t)(start < 0 ? 0 : start)));
}

static PyMethodDef FUNCTIONS[] = {
    {"find_word", find_word, METH_VARARGS,
     "Returns the place of the first of some words; the text's length if none is there."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    "gdbext._engine",
    "Replays logs; gdbext/trace/engine.py is how to use it.",
    -1,
    FUNCTIONS,
    NULL,
    NULL,
    NULL,
    NULL,
};

PyMODINIT_FUNC PyInit__engine(void);

PyMODINIT_FUNC PyInit__engine(void)
{
    PyObject *module = PyModule_Create(&MODULE);
    if (module == NULL || PyType_Ready(&REPLAY) < 0) {
        Py_XDECREF(module);
        return NULL;
    }
    Py_INCREF(&REPLAY);
    if (PyModule_AddObject(module, "Replay", (PyObject *)&REPLAY) < 0) {
        Py_DECREF(&REPLAY);
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
