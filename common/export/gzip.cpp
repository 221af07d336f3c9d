// SPDX-License-Identifier: Apache-2.0
#include "common/export/gzip.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <zlib.h>

namespace wattvisor {
namespace {

constexpr int kGzipWindow = 15 + 16; // the largest window; 16 asks for gzip's header, not zlib's
constexpr int kMemoryLevel = 8;      // zlib's default

struct Deflater {
    Deflater() {
        if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, kMemoryLevel,
                         Z_DEFAULT_STRATEGY) != Z_OK) {
            throw std::bad_alloc();
        }
    }
    Deflater(const Deflater&) = delete;
    Deflater& operator=(const Deflater&) = delete;
    ~Deflater() { deflateEnd(&stream); }

    z_stream stream{};
};

} // namespace

std::string gzip(std::string_view text) {
    Deflater deflater;
    z_stream& stream = deflater.stream;
    // A bound from zlib, so that one call does it all; cut to what came out.
    std::string out(deflateBound(&stream, text.size()), '\0');
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    std::size_t taken = 0;
    std::size_t made = 0;
    int status = Z_OK;
    while (status == Z_OK) {
        const std::size_t input = std::min(text.size() - taken, kMost);
        const std::size_t output = std::min(out.size() - made, kMost);
        // zlib's interface is older than const; it only reads.
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data() + taken));
        stream.avail_in = static_cast<uInt>(input);
        stream.next_out = reinterpret_cast<Bytef*>(out.data() + made);
        stream.avail_out = static_cast<uInt>(output);
        status = deflate(&stream, taken + input == text.size() ? Z_FINISH : Z_NO_FLUSH);
        taken += input - stream.avail_in;
        made += output - stream.avail_out;
    }
    if (status != Z_STREAM_END) {
        throw std::bad_alloc();
    }
    out.resize(made);
    out.shrink_to_fit();
    return out;
}

} // namespace wattvisor
