// SPDX-License-Identifier: Apache-2.0
#include "common/usage/short_lives.hpp"

#include <algorithm>

namespace wattvisor {

namespace {

using std::chrono::nanoseconds;

constexpr std::uint64_t kTicksKept = 600;

ConsumerPtr describe(const std::string& comm) {
    auto consumer = std::make_shared<Consumer>();
    consumer->kind = ConsumerKind::process;
    consumer->key = "short-lived:" + comm;
    consumer->name = comm;
    consumer->exe = comm;
    return consumer;
}

} // namespace

void ShortLives::add(const std::vector<ShortLife>& lives) {
    ++ticks_;
    for (const ShortLife& life : lives) {
        Name& name = name_of(life.comm);
        add_times(name.time, life.time);
        name.used_in = ticks_;
    }
}

ShortLives::Name& ShortLives::name_of(const std::string& comm) {
    const auto known = names_.find(comm);
    if (known != names_.end()) {
        return known->second;
    }
    const std::string key = names_.size() < kMostNames ? comm : kOverflow;
    Name& name = names_[key];
    if (!name.consumer) {
        name.consumer = describe(key);
    }
    return name;
}

void ShortLives::append_to(std::vector<ConsumerUsage>& consumers) {
    std::erase_if(names_,
                  [this](const auto& entry) { return ticks_ - entry.second.used_in > kTicksKept; });
    for (const auto& [comm, name] : names_) {
        consumers.push_back({name.consumer, name.time, nullptr, {}});
    }
}

void add_times(SocketTimes& sum, const SocketTimes& more) {
    if (sum.size() < more.size()) {
        sum.resize(more.size(), nanoseconds(0));
    }
    for (std::size_t socket = 0; socket < more.size(); ++socket) {
        sum[socket] += more[socket];
    }
}

SocketTimes difference(const SocketTimes& now, const SocketTimes& before) {
    SocketTimes result = now;
    for (std::size_t socket = 0; socket < std::min(now.size(), before.size()); ++socket) {
        result[socket] = std::max(now[socket] - before[socket], nanoseconds(0));
    }
    return result;
}

} // namespace wattvisor
