// SPDX-License-Identifier: Apache-2.0
#include "common/base/pattern.hpp"

#include <re2/re2.h>
#include <utility>

namespace wattvisor {

namespace {

re2::StringPiece piece(std::string_view text) {
    return {text.data(), text.size()};
}

} // namespace

Result<Pattern> Pattern::parse(std::string_view text) {
    re2::RE2::Options options;
    options.set_log_errors(false); // it would write on stderr by itself
    auto compiled = std::make_shared<const re2::RE2>(piece(text), options);
    if (!compiled->ok()) {
        return Error{Severity::fatal, "is no regular expression: " + compiled->error(),
                     '"' + std::string(text) + '"',
                     "The syntax is that of RE2, e.g. nginx|postgres or ^/usr/bin/"};
    }
    return Pattern(std::move(compiled));
}

bool Pattern::found_in(std::string_view text) const {
    return re2::RE2::PartialMatch(piece(text), *compiled_);
}

const std::string& Pattern::text() const {
    return compiled_->pattern();
}

} // namespace wattvisor
