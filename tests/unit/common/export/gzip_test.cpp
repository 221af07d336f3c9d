// SPDX-License-Identifier: Apache-2.0
#include "common/export/gzip.hpp"

#include <gtest/gtest.h>

#include <string>
#include <zlib.h>

namespace wattvisor {
namespace {

std::string gunzip(std::string packed, std::size_t size) {
    std::string out(size + 1, '\0');
    z_stream stream{};
    EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK); // gzip's header only
    stream.next_in = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
    EXPECT_EQ(stream.avail_in, 0U) << "nothing may follow";
    out.resize(stream.total_out);
    inflateEnd(&stream);
    return out;
}

TEST(Gzip, GivesBackWhatWasPacked) {
    std::string random;
    std::uint32_t state = 1;
    for (int i = 0; i < 300'000; ++i) { // does not shrink: the bound must hold
        state = state * 1664525 + 1013904223;
        random += static_cast<char>(state >> 24U);
    }
    for (const std::string& text :
         {std::string(), std::string("f 1\n"), std::string(5'000'000, 'x'), random}) {
        EXPECT_EQ(gunzip(gzip(text), text.size()), text);
    }
}

TEST(Gzip, MakesAPageOfMetricsMuchSmaller) {
    std::string page;
    for (int i = 0; i < 1000; ++i) {
        page += "wattvisor_process_energy_joules_total{pid=\"" + std::to_string(1000 + i) +
                "\",exe=\"postgres\",zone=\"intel-rapl:0\"} 12." + std::to_string(i * 7919) + "\n";
    }
    EXPECT_LT(gzip(page).size() * 5, page.size());
}

} // namespace
} // namespace wattvisor
