// SPDX-License-Identifier: Apache-2.0
#include "common/usage/exit_accounting.hpp"

#include "common/base/text_file.hpp"
#include "common/usage/cpu_topology.hpp"

#include <array>
#include <cerrno>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/taskstats.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace wattvisor {

namespace {

constexpr const char* kWhere = "taskstats";
constexpr std::size_t kBatch = 16;        // records per system call
constexpr std::size_t kRecordRoom = 4096; // the largest record of Linux 6.18 has 1,164 bytes
constexpr std::uint32_t kFamilyRequest = 1;
constexpr std::uint32_t kListenRequest = 2;

Error fatal(std::string what, std::string hint) {
    return Error{Severity::fatal, std::move(what), kWhere, std::move(hint)};
}

Error refused(int error) {
    switch (error) {
    case EPERM:
    case EACCES:
        return fatal(
            "permission denied",
            "Give the agent CAP_NET_ADMIN in the host's user namespace, or run it as root");
    case EINVAL:
        // add_del_listener() of kernel/taskstats.c refuses others with this.
        return fatal("is not open to other user or pid namespaces than the initial ones",
                     "Run the agent outside of the container, or with the host's pid namespace");
    default:
        return fatal(std::generic_category().message(error), {});
    }
}

Result<FileDescriptor> open_socket(int receive_buffer) {
    FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    if (!socket ||
        ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        return fatal("no netlink socket: " + std::generic_category().message(errno),
                     "Allow AF_NETLINK, e.g. in RestrictAddressFamilies of the service");
    }
    // Without room the kernel drops records and counts them; with this option it goes on with the
    // next that fits, instead of dropping all until the queue is empty.
    const int on = 1;
    (void)::setsockopt(socket.get(), SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on);
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer,
                     sizeof receive_buffer) != 0) {
        return refused(errno);
    }
    return socket;
}

// A datagram, and whether it is from the kernel: who has CAP_NET_ADMIN may send to us as well.
struct Received {
    Bytes datagram;
    bool from_kernel = false;
};

std::optional<Received> receive(int socket, std::span<std::byte> room) {
    sockaddr_nl sender{};
    socklen_t length = sizeof sender;
    const ssize_t size = ::recvfrom(socket, room.data(), room.size(), MSG_DONTWAIT,
                                    reinterpret_cast<sockaddr*>(&sender), &length);
    if (size < 0) {
        return std::nullopt;
    }
    return Received{room.first(static_cast<std::size_t>(size)), sender.nl_pid == 0};
}

} // namespace

ExitAccounting::ExitAccounting(FileDescriptor socket)
    : socket_(std::move(socket)), buffer_(kBatch * kRecordRoom) {}

Result<ExitAccounting> ExitAccounting::open(const ExitAccountingOptions& options) {
    auto socket = open_socket(options.receive_buffer);
    if (!socket) {
        return socket.error();
    }
    ExitAccounting accounting(std::move(*socket));
    if (const auto listening = accounting.listen(options); !listening) {
        return listening.error();
    }
    if (const auto seen = accounting.see_own_thread_end(); !seen) {
        return seen.error();
    }
    return accounting;
}

Result<void> ExitAccounting::listen(const ExitAccountingOptions& options) {
    const auto text = read_text(options.sys_root / "devices/system/cpu/possible", 4096);
    if (!text || !parse_cpu_list(*text) || trim(*text).empty()) {
        return fatal("the list of possible CPUs cannot be read",
                     (options.sys_root / "devices/system/cpu/possible").string());
    }
    const Answer family =
        ask({GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, kFamilyRequest},
            TASKSTATS_GENL_NAME);
    const auto message = first_message(family.reply);
    const auto generic = message ? generic_message(*message) : std::nullopt;
    const auto number =
        generic ? find_attribute(generic->attributes, CTRL_ATTR_FAMILY_ID) : std::nullopt;
    family_ = number ? value_at<std::uint16_t>(*number).value_or(0) : 0;
    if (family.error == ENOENT || family_ == 0) {
        return fatal("this kernel does not have it", "It needs CONFIG_TASKSTATS");
    }
    const Answer listening =
        ask({family_, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_REGISTER_CPUMASK, kListenRequest},
            trim(*text));
    if (listening.error != 0) {
        return refused(listening.error);
    }
    return {};
}

// The kernel answers within send(2), so nothing is waited for. Records that come first are kept.
ExitAccounting::Answer ExitAccounting::ask(const GenericRequest& request, std::string_view text) {
    const auto bytes = make_request(request, text);
    Answer answer;
    if (::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) < 0) {
        answer.error = errno;
        return answer;
    }
    while (const auto received = receive(socket_.get(), buffer_)) {
        const auto message = first_message(received->datagram);
        if (!received->from_kernel || !message) {
            continue;
        }
        if (message->sequence == request.sequence && message->type == NLMSG_ERROR) {
            answer.error = -value_at<int>(message->payload).value_or(-EPROTO);
            return answer;
        }
        if (message->sequence == request.sequence && message->type == GENL_ID_CTRL) {
            answer.reply.assign(received->datagram.begin(), received->datagram.end());
        } else if (family_ != 0 && message->type == family_) {
            take_datagram(received->datagram);
        }
    }
    answer.error = EPROTO;
    return answer;
}

// Records go to the initial network namespace, whoever asked for them; and a kernel may have
// another layout than we know. Both show in the record of a thread that we know.
Result<void> ExitAccounting::see_own_thread_end() {
    pid_t id = 0;
    std::thread([&id] { id = static_cast<pid_t>(::syscall(SYS_gettid)); }).join();
    // join() returns after the thread sent its record: do_exit() calls taskstats_exit() before
    // exit_mm(), which wakes who waits for the thread.
    awaited_thread_ = id;
    read_records();
    if (awaited_thread_ != 0) {
        return fatal("records of ended threads do not arrive, or cannot be understood",
                     "It needs the host's network namespace, and Linux 6.0 or later but not 6.14 "
                     "or 6.15");
    }
    return {};
}

std::vector<EndedProcess> ExitAccounting::drain() {
    read_records();
    return sums_.take();
}

void ExitAccounting::read_records() {
    for (std::size_t read = 0; read < kMostRecords;) {
        const std::size_t batch = read_batch();
        read += batch;
        if (batch < kBatch) {
            break;
        }
    }
    count_dropped();
}

std::size_t ExitAccounting::read_batch() {
    std::array<mmsghdr, kBatch> messages{};
    std::array<iovec, kBatch> rooms{};
    std::array<sockaddr_nl, kBatch> senders{};
    for (std::size_t i = 0; i < kBatch; ++i) {
        rooms[i] = {buffer_.data() + i * kRecordRoom, kRecordRoom};
        messages[i].msg_hdr.msg_iov = &rooms[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_name = &senders[i];
        messages[i].msg_hdr.msg_namelen = sizeof senders[i];
    }
    const int count = ::recvmmsg(socket_.get(), messages.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (count < 0) {
        return 0; // EAGAIN: nothing is left
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        const bool whole = (messages[i].msg_hdr.msg_flags & MSG_TRUNC) == 0;
        if (!whole || senders[i].nl_pid != 0) {
            ++refused_;
            continue;
        }
        take_datagram(Bytes(buffer_).subspan(i * kRecordRoom, messages[i].msg_len));
    }
    return static_cast<std::size_t>(count);
}

void ExitAccounting::take_datagram(Bytes datagram) {
    const auto exit = parse_thread_exit(datagram, family_);
    if (!exit) {
        ++refused_;
    } else if (awaited_thread_ != 0 && exit->thread == awaited_thread_) {
        awaited_thread_ = exit->process == ::getpid() ? 0 : awaited_thread_;
    } else {
        sums_.add(*exit);
    }
}

void ExitAccounting::count_dropped() {
    std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
    socklen_t length = sizeof info;
    if (::getsockopt(socket_.get(), SOL_SOCKET, SO_MEMINFO, info.data(), &length) != 0 ||
        length <= SK_MEMINFO_DROPS * sizeof info[0]) {
        return;
    }
    const std::uint32_t dropped = info[SK_MEMINFO_DROPS] - drops_seen_;
    if (dropped != 0) {
        drops_seen_ = info[SK_MEMINFO_DROPS];
        dropped_ += dropped;
        sums_.forget();
    }
}

} // namespace wattvisor
