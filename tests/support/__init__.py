# SPDX-License-Identifier: Apache-2.0
"""The harness: real GDB, real QEMU, a stub and a proxy of the remote protocol, and the heap images with known truth.

paths       where things are; the one place that knows of the shared fixtures
fixtures    heap images with their truth, as dataclasses
tlsf_image  builds TLSF heaps of any size, width, byte order and table
freertos_image builds heap_4 of any width, alignment, byte order and canary
kernel_image builds what FreeRTOS leaves in memory of its tasks, of any width and byte order
culprits    the bugs of the scenarios, and what a report must say of each
damages     seeded damage to intact heaps, and what a report must say of it
heap_oracle what every image of a sound heap obeys, said a second time
core        writes ELF core files
elf_ids     build-ids and return addresses, by binutils
flash_cases flash images with their truth
flash_sums  makes the sums of a changed flash image agree
fat_volume  FAT volumes by real tools, and wear levelling around them
littlefs_flash littlefs images by the real library, on a flash whose power fails
ring, log   build rings and logs from the format's document alone
selection   which tests are quick and which are long
barred      what a quick test is refused
recorder    compiles the recorder for this machine
firmware    builds the test firmware, once, under a lock
qemu        a chip in QEMU with its gdb stub
terminal    what a terminal may be given
gdb         GDB run in batch, and GDB kept open as a session
mutate      changes to bytes that parsers fall over
heap_oracle what is true of every sound multi_heap, said a second time
cpp_program a program of C++ whose names are hard, for any compiler
named_program small programs that lead to heap images by their symbols
documents   the documents, and when what they show is what is printed
schema      holds every report that a test looks at against its JSON Schema
scenario    firmware, QEMU and GDB together: one scenario, the commands after its stop
openocd     the real OpenOCD on a simulated JTAG port in front of QEMU
openocd_scenario such a scenario over it
openocd_launch `memtrace gdb` as a process
sockets     listening sockets that nobody else can take
rsp_wire    packets of the remote protocol
rsp_traffic what passed, and the counts of it
rsp_target  memory and registers that the stub shows
rsp_stub    a server that shows memory images to a real GDB, with faults and slow links to choose
panic_stub  the same as a chip's panic handler serves it: slow, and easily broken
panic_case  the seed case in such a handler
rsp_proxy   stands between GDB and a stub and counts
linux       builds the recorder of Linux processes, and runs programs under it
recorded    a stand-in for a process with that recorder
markers     line numbers of `/* LINE: name */` in C sources
documents   the pages, the blocks that are tagged in them, and whether what is printed is what they show
bench       rows of `make bench`

Nothing here imports the package under test, nor any test (tests/unit/test_style.py). Helpers that do call the package
lie beside the tests that use them: cli/shell.py, image/ask.py, unit/recorder.py.
"""
