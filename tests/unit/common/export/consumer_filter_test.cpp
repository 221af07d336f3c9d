// SPDX-License-Identifier: Apache-2.0
#include "common/export/consumer_filter.hpp"
#include "sample_snapshot.hpp"

#include <gmock/gmock.h>

namespace wattvisor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> names_of(const Snapshot& snapshot) {
    std::vector<std::string> names;
    for (const ConsumerAccount& account : snapshot.consumers) {
        names.push_back(account.consumer->name);
    }
    return names;
}

std::vector<std::string> kept(const Snapshot& snapshot, const ConsumerFilter& filter) {
    return names_of(*filtered(std::make_shared<const Snapshot>(snapshot), filter));
}

ConsumerFilter top(unsigned count) {
    ConsumerFilter filter;
    filter.top = count;
    return filter;
}

ConsumerFilter process(std::string_view regex) {
    ConsumerFilter filter;
    filter.process = Pattern::parse(regex).value();
    return filter;
}

void put_into(Snapshot& snapshot, std::size_t consumer, Container container) {
    auto who = std::make_shared<Consumer>(*snapshot.consumers[consumer].consumer);
    who->container = std::make_shared<const Container>(std::move(container));
    snapshot.consumers[consumer].consumer = std::move(who);
}

TEST(ConsumerFilter, AsksForNothingByDefault) {
    const auto snapshot = std::make_shared<const Snapshot>(test::guest_snapshot());
    EXPECT_EQ(filtered(snapshot, {}), snapshot) << "no copy is made";
}

TEST(ConsumerFilter, LooksAtNamesAndCommandLines) {
    EXPECT_THAT(kept(test::guest_snapshot(), process("^post")), ElementsAre("postgres"));
    EXPECT_THAT(kept(test::guest_snapshot(), process("^/usr/bin/systemd--run$")),
                ElementsAre("systemd"));
    EXPECT_THAT(kept(test::host_snapshot(), process("^db$")), ElementsAre("db"));
    EXPECT_THAT(kept(test::host_snapshot(), process("nobody")), IsEmpty());
}

TEST(ConsumerFilter, KeepsTheBiggestInTheirOrder) {
    Snapshot snapshot = test::guest_snapshot();
    EXPECT_THAT(kept(snapshot, top(1)), ElementsAre("postgres"));
    EXPECT_THAT(kept(snapshot, top(9)), ElementsAre("systemd", "postgres"));
    EXPECT_THAT(kept(snapshot, top(0)), IsEmpty());
    EXPECT_THAT(kept(test::host_snapshot(), top(9)), ElementsAre("db"))
        << "whose power is not known is not among the biggest";
}

TEST(ConsumerFilter, KeepsVirtualMachinesOnly) {
    Snapshot snapshot = test::host_snapshot();
    snapshot.consumers.push_back(
        test::consumer(ConsumerKind::process, "9:1", "sshd", 9, {1, 1, 1, 1, 1}, 5));
    ConsumerFilter filter;
    filter.vms_only = true;
    EXPECT_THAT(kept(snapshot, filter), ElementsAre("db", "web"));
}

// "db" is in nearly every id.
TEST(ConsumerFilter, LooksAtTheIdOfAContainerOnlyWhereItHasNoName) {
    Snapshot snapshot = test::guest_snapshot();
    Container named;
    named.id = "00db00";
    named.name = "web";
    put_into(snapshot, 0, named);
    Container nameless;
    nameless.id = "11db11";
    put_into(snapshot, 1, nameless);
    ConsumerFilter filter;
    filter.container = Pattern::parse("db").value();
    EXPECT_THAT(kept(snapshot, filter), ElementsAre("postgres"));
    filter.container = Pattern::parse("web").value();
    EXPECT_THAT(kept(snapshot, filter), ElementsAre("systemd"));
    EXPECT_THAT(kept(test::guest_snapshot(), filter), IsEmpty()) << "in no container";
}

TEST(ConsumerFilter, LeavesTheTotalsAsTheyAre) {
    const auto whole = std::make_shared<const Snapshot>(test::host_snapshot());
    const auto part = filtered(whole, process("nobody"));
    EXPECT_EQ(part->energy_uj(), whole->energy_uj());
    EXPECT_EQ(part->power_uw(), whole->power_uw());
    EXPECT_EQ(part->zones[0].other_uj, whole->zones[0].other_uj);
    EXPECT_EQ(whole->consumers.size(), 2U) << "others see the whole";
}

} // namespace
} // namespace wattvisor
