// SPDX-License-Identifier: LGPL-2.1-or-later

//! What this process has used.

use std::mem::MaybeUninit;

/// Seconds of CPU time, the user's and the system's.
pub fn cpu() -> f64 {
    let mut usage = MaybeUninit::uninit();
    // SAFETY: getrusage fills the structure that it is given.
    let usage: libc::rusage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Bytes of memory that is resident.
pub fn rss() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    // SAFETY: it only reads a constant of the system.
    pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64
}

/// Bytes that are allocated and not freed.
pub fn heap() -> u64 {
    // SAFETY: it only reads the allocator's counters.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as u64
}

pub fn report() {
    eprintln!("cpu {:.6}\nrss {}\nheap {}", cpu(), rss(), heap());
}
