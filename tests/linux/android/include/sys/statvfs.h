/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
struct statvfs {
    unsigned long f_bsize, f_frsize;
    unsigned long long f_blocks, f_bfree, f_bavail;
};
int fstatvfs(int file, struct statvfs *found);
