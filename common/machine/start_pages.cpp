// SPDX-License-Identifier: Apache-2.0
#include "common/machine/start_pages.hpp"

#include <cstdint>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

namespace wattvisor {

namespace {

// A segment that is not writable was never written to: the linker relocates in writable ones only,
// and protects them after. See elf(5).
int release_constant_segments(dl_phdr_info* object, std::size_t, void*) {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    for (int i = 0; i < object->dlpi_phnum; ++i) {
        const auto& segment = object->dlpi_phdr[i];
        if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) {
            continue;
        }
        // Whole pages only: what shares one with a writable segment stays.
        const std::uintptr_t address = object->dlpi_addr + segment.p_vaddr;
        const std::uintptr_t begin = (address + page - 1) / page * page;
        const std::uintptr_t end = (address + segment.p_memsz) / page * page;
        if (begin < end) {
            // NOLINTNEXTLINE(performance-no-int-to-ptr): the linker tells addresses as numbers
            ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
        }
    }
    return 0;
}

constexpr int kLargePiece = 512 * 1024;

} // namespace

void release_start_pages() {
    ::dl_iterate_phdr(release_constant_segments, nullptr);
    ::malloc_trim(0);
    // A page of metrics of many processes is megabytes large, and is gone with the tick. The C
    // library would learn from the first one to keep room for all that follow.
    ::mallopt(M_MMAP_THRESHOLD, kLargePiece);
}

} // namespace wattvisor
