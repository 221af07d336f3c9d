// SPDX-License-Identifier: Apache-2.0
// Gives back the memory that only starting needed: the linker, the readers of configuration and
// the set-up of libraries touch megabytes of code and constants that no tick looks at again.
#pragma once

namespace wattvisor {

// Unmaps the pages of code and constants of all loaded objects, and frees what the heap has spare.
// What is still needed comes back from the page cache when it is touched. From then on large pieces
// of memory are the system's again as soon as they are freed. Once, after the first
// ticks; never fails in a way that matters.
void release_start_pages();

} // namespace wattvisor
