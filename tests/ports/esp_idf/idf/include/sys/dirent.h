/* SPDX-License-Identifier: Apache-2.0
 *
 * What the C library leaves to the system.
 */
#ifndef SYS_DIRENT_H
#define SYS_DIRENT_H

typedef struct DIR DIR;

struct dirent {
    char d_name[256];
};

DIR *opendir(const char *folder);
int closedir(DIR *folder);

#endif
