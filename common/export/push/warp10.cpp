// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/warp10.hpp"

#include "common/base/error.hpp"
#include "common/base/text_file.hpp"
#include "common/cli/safe_text.hpp"
#include "common/export/push/http_transport.hpp"
#include "common/export/push/push_sink.hpp"
#include "common/export/push/push_world.hpp"
#include "common/machine/host_name.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

namespace wattvisor {
namespace {

constexpr std::size_t kMessageBytes = 512UL * 1024;
// warp.labels.maxsize of Warp 10's configuration is 2048 unless somebody changed it.
constexpr std::size_t kLabelBytes = 2048;

bool is_plain(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void append_byte(std::string& out, char c) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    if (is_plain(c)) {
        out += c;
        return;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4U];
    out += kHex[byte & 0xFU];
}

// Bytes that are no UTF-8 become U+FFFD. Returns how many bytes the text has when decoded.
std::size_t append_encoded(std::string& out, std::string_view text) {
    std::size_t decoded = 0;
    while (!text.empty()) {
        const Utf8Character character = first_character(text);
        for (const char c : character.text) {
            append_byte(out, c);
        }
        decoded += character.text.size();
        text.remove_prefix(character.bytes);
    }
    return decoded;
}

// The labels with no value longer than `limit`. Returns their length as Warp 10 counts it.
std::size_t append_labels(std::string& out, std::span<const Label> labels, std::size_t limit) {
    std::size_t size = 0;
    bool is_first = true;
    for (const Label& label : labels) {
        if (label.value.empty()) {
            continue; // to Warp 10 an empty label is one that is not there
        }
        if (!std::exchange(is_first, false)) {
            out += ',';
        }
        size += append_encoded(out, label.name);
        out += '=';
        size += append_encoded(out, cut_utf8(label.value, limit));
    }
    return size;
}

// A text with a point and no exponent; nothing for what is no number. Whether a sample is a LONG
// or a DOUBLE is told by the point alone.
bool append_value(std::string& out, const MetricValue& value) {
    if (value.is_integer()) {
        if (value.as_integer() >
            static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
            return false;
        }
        value.append_to(out);
        return true;
    }
    if (!std::isfinite(value.as_double())) {
        return false;
    }
    const std::string text = value.text();
    if (text.find('.') != std::string::npos && text.find('e') == std::string::npos) {
        out += text;
        return true;
    }
    std::array<char, 400> digits{}; // of the largest double there are 309
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value.as_double(),
                                   std::chars_format::fixed)
                         .ptr;
    const std::string_view fixed(digits.data(), static_cast<std::size_t>(end - digits.data()));
    out += fixed;
    if (fixed.find('.') == std::string_view::npos) {
        out += ".0";
    }
    return true;
}

HttpTarget target_of(const Warp10Options& options, std::string token) {
    HttpTarget target;
    target.server = {without_brackets(options.host), options.port};
    if (options.scheme == HttpScheme::https) {
        target.tls.emplace();
    }
    target.path = "/api/v0/update";
    target.content_type = "text/plain; charset=utf-8";
    target.headers = {{"X-Warp10-Token", token}};
    target.error_header = "X-Warp10-Error-Message";
    target.secret = std::move(token);
    return target;
}

} // namespace

std::string warp10_token(const std::string& option, const char* environment) {
    std::string token(trim(!option.empty()
                               ? std::string_view(option)
                               : std::string_view(environment == nullptr ? "" : environment)));
    if (token.empty()) {
        throw StartError("warp10 needs a token that may write. Type --write-token TOKEN, or, so "
                         "that no other user sees it, set SCAPH_WARP10_WRITE_TOKEN",
                         kExitConfiguration);
    }
    const bool is_good =
        std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7F; });
    if (!is_good) {
        throw StartError("the token for warp10 has blanks or other characters that no token has. "
                         "Look at --write-token or SCAPH_WARP10_WRITE_TOKEN",
                         kExitConfiguration);
    }
    return token;
}

Warp10Text::Warp10Text(std::chrono::system_clock::time_point time, std::string_view host)
    : time_(std::to_string(
          std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count())),
      host_(host) {}

void Warp10Text::family(std::string_view name, std::string_view /*help*/, MetricType /*type*/) {
    name_.clear();
    append_encoded(name_, name);
}

void Warp10Text::sample(std::span<const Label> labels, const MetricValue& value) {
    labels_.assign(labels.begin(), labels.end());
    if (std::ranges::find(labels, std::string_view("host"), &Label::name) == labels.end()) {
        labels_.push_back(Label{"host", host_});
    }
    for (std::size_t limit = kLabelBytes; limit > 0; limit /= 2) {
        line_ = time_ + "// " + name_ + '{';
        if (append_labels(line_, labels_, limit) <= kLabelBytes) {
            break;
        }
    }
    line_ += "} ";
    if (!append_value(line_, value)) {
        return;
    }
    line_ += '\n';
    if (messages_.empty() || messages_.back().bytes.size() + line_.size() > kMessageBytes) {
        messages_.emplace_back();
    }
    messages_.back().bytes += line_;
    ++messages_.back().values;
}

std::vector<PushMessage> Warp10Text::take() {
    return std::exchange(messages_, {});
}

std::unique_ptr<Sink> make_warp10(const Warp10Options& options, const ExporterWorld& world) {
    auto transport = std::make_unique<HttpTransport>(
        world.io, target_of(options, warp10_token(options.write_token,
                                                  std::getenv("SCAPH_WARP10_WRITE_TOKEN"))));
    spdlog::info("warp10: metrics go to {}", transport->where());
    return std::make_unique<PushSink>(
        push_page(options.qemu, false, world),
        [host = host_name()](const MetricPage& page, std::chrono::system_clock::time_point time) {
            Warp10Text text(time, host);
            page.write(text);
            return text.take();
        },
        push_worker(PushSettings{"warp10"}, std::move(transport), world));
}

} // namespace wattvisor
