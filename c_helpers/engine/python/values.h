/* SPDX-License-Identifier: Apache-2.0
 *
 * What an engine has found, as tuples whose fields are in the order of gdbext/model/profile.py. */
#ifndef MEMTRACE_ENGINE_VALUES_H
#define MEMTRACE_ENGINE_VALUES_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../engine.h"

PyObject *value_of_owner(const struct owner *owner);
PyObject *value_of_pcs(const uint64_t *pcs, size_t count);

PyObject *value_of_name(const struct engine *engine, uint64_t number); /* None if it means nothing */

PyObject *value_of_profile(const struct engine *engine);
PyObject *value_of_live(const struct engine *engine);
PyObject *value_of_past(const struct engine *engine);
PyObject *value_of_tail(const struct engine *engine);

#endif
