// SPDX-License-Identifier: Apache-2.0
// A page as it is sent: rendered once, compressed once, shared by all connections that send it.
// Immutable; any thread. Private to common/export.
#pragma once

#include "common/export/gzip.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace wattvisor {

class Page {
public:
    explicit Page(std::string text) : text_(std::move(text)) {}

    [[nodiscard]] const std::string& text() const { return text_; }
    // Compresses at the first call, which takes milliseconds for a large page.
    [[nodiscard]] const std::string& gzipped() const {
        std::call_once(once_, [this] {
            gzipped_ = gzip(text_);
            is_gzipped_.store(true, std::memory_order_release);
        });
        return gzipped_;
    }
    [[nodiscard]] bool is_gzipped() const { return is_gzipped_.load(std::memory_order_acquire); }

private:
    std::string text_;
    mutable std::once_flag once_;
    mutable std::string gzipped_;
    mutable std::atomic<bool> is_gzipped_ = false;
};

using PagePtr = std::shared_ptr<const Page>;

} // namespace wattvisor
