/* SPDX-License-Identifier: Apache-2.0
 *
 * The program of docs/how-to/record-device-memory.md: a camera's frames in buffers of dma-heap. Its display keeps a copy of every eighth
 * descriptor and forgets to close it.
 */
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { FRAME_BYTES = 1920 * 1080 * 3 / 2, FRAMES = 64, SHOWN_EVERY = 8 };

__attribute__((noinline)) static int frame_create(int heap)
{
    struct dma_heap_allocation_data frame = {.len = FRAME_BYTES, .fd_flags = O_RDWR | O_CLOEXEC};
    return ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &frame) < 0 ? -1 : (int)frame.fd;
}

__attribute__((noinline)) static void frame_show(int frame)
{
    int shown = dup(frame);
    (void)shown; /* the leak */
}

int main(void)
{
    int heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < FRAMES; i++) {
        int frame = frame_create(heap);
        if (frame < 0) {
            perror("frame");
            return 1;
        }
        if (i % SHOWN_EVERY == 0)
            frame_show(frame);
        close(frame);
    }
    return 0;
}
