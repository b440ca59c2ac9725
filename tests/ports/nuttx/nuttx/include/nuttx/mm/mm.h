/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NUTTX_MM_H
#define NUTTX_MM_H

#include <malloc.h>
#include <nuttx/compiler.h>

struct mm_heap_s;

extern FAR struct mm_heap_s *g_mmheap;

FAR struct mm_heap_s *mm_initialize(FAR void *start, size_t size);
FAR void *mm_malloc(FAR struct mm_heap_s *heap, size_t size);
FAR void *mm_memalign(FAR struct mm_heap_s *heap, size_t alignment, size_t size);
FAR void *mm_realloc(FAR struct mm_heap_s *heap, FAR void *block, size_t size);
void mm_free(FAR struct mm_heap_s *heap, FAR void *block);
struct mallinfo mm_mallinfo(FAR struct mm_heap_s *heap);
void umm_initialize(FAR void *start, size_t size);

#endif
