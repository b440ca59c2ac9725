/* SPDX-License-Identifier: Apache-2.0 */
#include "real.h"

extern void program(void);

int main(int count, char **arguments)
{
    return real_run(program, arguments[count - 1]);
}
