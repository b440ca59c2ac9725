// SPDX-License-Identifier: Apache-2.0
//! A life of the real rlsf, seeded: rlsf-life SEED CALLS POOLS BYTES OUT. It maps a Tlsf, with the parameters that
//! esp-alloc and embedded-alloc give it, and its pools at fixed addresses. It writes both to OUT.tlsf and OUT.pool, and
//! prints its books: what users hold, and the blocks as the crate itself lists them.

use rlsf::Tlsf;
use std::alloc::Layout;
use std::ptr::{slice_from_raw_parts_mut, NonNull};

const TLSF_AT: usize = 0x3fc0_0000;
const POOL_AT: usize = 0x3fc8_0000;
const BITS: usize = usize::BITS as usize;
type Heap = Tlsf<'static, usize, usize, BITS, BITS>;

struct Rng(u64);

impl Rng {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % most
    }
}

unsafe fn map(at: usize, bytes: usize) -> *mut u8 {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    let got = libc::mmap(at as *mut _, bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
    assert_eq!(got as usize, at);
    got as *mut u8
}

type Users = Vec<(usize, usize, usize)>;

/// Returns what is held, and each call: pointer, size (0: it was given back) and alignment.
unsafe fn live(heap: &mut Heap, rng: &mut Rng, calls: usize) -> (Users, Users) {
    let (mut held, mut done) = (Users::new(), Users::new());
    for _ in 0..calls {
        if !held.is_empty() && rng.below(100) < 42 {
            let (at, _, align) = held.swap_remove(rng.below(held.len()));
            heap.deallocate(NonNull::new_unchecked(at as *mut u8), align);
            done.push((at, 0, align));
            continue;
        }
        let sizes = [1, 8, 24, 40, 64, 100, 256, 1 + rng.below(700)];
        let (size, align) = (sizes[rng.below(8)], [1, 4, 8, 8, 16, 16, 16, 64][rng.below(8)]);
        if let Some(got) = heap.allocate(Layout::from_size_align_unchecked(size, align)) {
            let at = got.as_ptr() as usize;
            let kind = rng.below(3);
            for place in 0..size {
                let byte = match kind {
                    0 => 0,
                    1 => rng.below(256) as u8,
                    _ => (at >> (8 * (place % 8))) as u8,
                };
                *((at + place) as *mut u8) = byte;
            }
            held.push((at, size, align));
            done.push((at, size, align));
        }
    }
    (held, done)
}

fn listed(users: &Users) -> String {
    let each: Vec<_> = users.iter().map(|(at, size, align)| format!("[{at}, {size}, {align}]")).collect();
    each.join(", ")
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let number = |at: usize| words[at].parse::<usize>().unwrap();
    let (pools, bytes) = (number(3), number(4) & !31);
    let mut rng = Rng(number(1) as u64 * 0x9e37_79b9_7f4a_7c15 + 1);
    unsafe {
        let room = std::mem::size_of::<Heap>();
        let heap = &mut *(map(TLSF_AT, room) as *mut Heap);
        std::ptr::write(heap, Heap::new());
        let whole = pools * 0x1_0000;
        map(POOL_AT, whole);
        let spans: Vec<_> = (0..pools)
            .map(|one| NonNull::new_unchecked(slice_from_raw_parts_mut((POOL_AT + one * 0x1_0000) as *mut u8, bytes)))
            .collect();
        for one in &spans {
            heap.insert_free_block_ptr(*one).unwrap();
        }
        let (held, done) = live(heap, &mut rng, number(2));
        let mut blocks = Vec::new();
        for one in &spans {
            for block in heap.iter_blocks(*one) {
                blocks.push(format!("[{}, {}, {}]", block.as_ptr().as_ptr() as *mut u8 as usize, block.size(), block.is_occupied()));
            }
        }
        std::fs::write(format!("{}.tlsf", words[5]), std::slice::from_raw_parts(TLSF_AT as *const u8, room)).unwrap();
        std::fs::write(format!("{}.pool", words[5]), std::slice::from_raw_parts(POOL_AT as *const u8, whole)).unwrap();
        let (users, calls, blocks) = (listed(&held), listed(&done), blocks.join(", "));
        println!("{{\"users\": [{users}], \"calls\": [{calls}], \"blocks\": [{blocks}]}}");
    }
}
