/* SPDX-License-Identifier: Apache-2.0 */
/* elf.h, which is the machine's, asks for it. */
