// SPDX-License-Identifier: Apache-2.0
#include "common/cli/secret_arguments.hpp"

#include <algorithm>
#include <span>

namespace wattvisor {

void hide_in_arguments(int argc, char** argv, std::string_view secret) {
    if (secret.empty()) {
        return;
    }
    for (char* const argument : std::span(argv, static_cast<std::size_t>(argc))) {
        const std::string_view text(argument);
        for (std::size_t at = text.find(secret); at != std::string_view::npos;
             at = text.find(secret, at)) {
            std::fill_n(argument + at, secret.size(), '*');
            at += secret.size();
        }
    }
}

} // namespace wattvisor
