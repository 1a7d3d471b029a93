//! Gives memory back to the system that was needed for a moment only.

use std::ops::Range;

/// What pages are aligned to at least, in bytes.
#[cfg(target_os = "linux")]
const PAGE: usize = 4096;

/// Gives back what the allocator keeps of memory that was needed for compiling or for reading a long text.
/// Takes milliseconds.
pub fn give_memory_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: may be called at any time, from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Gives back the pages of the program's own code. A start runs through a great deal of it that is never run
/// again, and the system keeps it mapped, with whatever lies around it. What is needed again comes from
/// the system's cache of the file, 64 KiB at a time. Takes less than a millisecond.
pub fn give_code_back() {
    #[cfg(target_os = "linux")]
    // SAFETY: the function is called while no object is added or removed, and only looks.
    unsafe {
        libc::dl_iterate_phdr(Some(give_program_back), std::ptr::null_mut());
    }
}

/// Gives back the pages of a plugin's compiled code: describing it ran through much that is not run again soon. What is
/// needed again comes from the system's cache of the file. Pages that belong to no file stay.
pub(crate) fn give_image_back(image: Range<*const u8>) {
    #[cfg(target_os = "linux")]
    {
        let (begin, end) = (image.start.addr(), image.end.addr());
        let begin = begin.next_multiple_of(PAGE);
        let length = (end / PAGE * PAGE).saturating_sub(begin);
        if length > 0 {
            // SAFETY: the advice changes no content: a page that was written to, and so is no longer the file's, goes
            // nowhere without swap, and to swap as any other page does.
            unsafe {
                libc::madvise(begin as *mut _, length, libc::MADV_PAGEOUT);
            }
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = image;
}

/// Gives back the executable segments of the first object, which is the program.
#[cfg(target_os = "linux")]
unsafe extern "C" fn give_program_back(
    object: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut libc::c_void,
) -> libc::c_int {
    const STOP: libc::c_int = 1;
    /// What a program's code is aligned to at least.
    const PAGE: u64 = self::PAGE as u64;
    // SAFETY: the loader gives a valid object, for as long as this function runs.
    let segments = unsafe {
        let object = &*object;
        let headers = std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into());
        headers.iter().map(|header| (object.dlpi_addr + header.p_vaddr, header))
    };
    for (address, header) in segments {
        let is_code = header.p_type == libc::PT_LOAD
            && header.p_flags & libc::PF_X != 0
            && header.p_flags & libc::PF_W == 0;
        if !is_code {
            continue;
        }
        let begin = address.next_multiple_of(PAGE);
        let end = (address + header.p_memsz) / PAGE * PAGE;
        if begin < end {
            // SAFETY: the range is code of this program, mapped from its file for as long as it runs. Nobody can
            // have written to it, so that what is read there again is what was there.
            unsafe {
                libc::madvise(begin as *mut _, (end - begin) as usize, libc::MADV_DONTNEED);
            }
        }
    }
    STOP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn code_goes_on_after_it_was_given_back() {
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/status").expect("a status");
            let line = status.lines().find_map(|line| line.strip_prefix("RssFile:"));
            let figure = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            figure.expect("a figure")
        };
        let before = resident();
        give_code_back();
        give_memory_back();
        let after = resident();
        assert!(after < before, "{before} KiB of files before, {after} after");
    }
}
