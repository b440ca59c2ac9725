/* SPDX-License-Identifier: Apache-2.0 */
void esp_system_abort(const char *details) __attribute__((noreturn));
void panic_abort(const char *details) __attribute__((noreturn));

void esp_system_abort(const char *details)
{
    panic_abort(details);
}
