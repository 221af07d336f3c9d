// SPDX-License-Identifier: Apache-2.0
// A regular expression of an operator, held against text that anybody may have written: names and
// command lines. RE2 takes time that is linear in the text, whatever the pattern is. A value that
// is cheap to copy; any thread.
#pragma once

#include "common/base/error.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace wattvisor {

class Pattern {
public:
    // RE2's syntax (https://github.com/google/re2/wiki/Syntax); the error says what is wrong in it.
    [[nodiscard]] static Result<Pattern> parse(std::string_view text);

    // Whether it is found anywhere in the text. Bytes that are no UTF-8 match nothing.
    [[nodiscard]] bool found_in(std::string_view text) const;
    [[nodiscard]] const std::string& text() const;

    friend bool operator==(const Pattern& a, const Pattern& b) { return a.text() == b.text(); }

private:
    explicit Pattern(std::shared_ptr<const re2::RE2> compiled) : compiled_(std::move(compiled)) {}
    std::shared_ptr<const re2::RE2> compiled_; // never null
};

} // namespace wattvisor
