// SPDX-License-Identifier: Apache-2.0
#include "common/containers/container_names.hpp"

#include "common/cli/safe_text.hpp"
#include "common/containers/runtime_answer.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <dirent.h>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace wattvisor {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using local = asio::local::stream_protocol;
using std::chrono::steady_clock;

struct ContainerNames::State {
    State(asio::io_context& context, ContainerRegistry& known, ContainerNameSources where)
        : io(context), registry(known), sources(std::move(where)) {}

    asio::io_context& io;
    ContainerRegistry& registry;
    ContainerNameSources sources;
    std::optional<steady_clock::time_point> asked;
    std::uint64_t newcomers = 0; // of the registry, when last asked
    unsigned on_their_way = 0;
    bool is_over = false;
    std::map<std::filesystem::path, std::string> problems; // as last logged
};

namespace {

using StatePtr = std::shared_ptr<ContainerNames::State>;
using LocalStream = beast::basic_stream<local>;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
// A runtime that could not name a container may yet: its list was older, or it was not running.
constexpr auto kSecondTry = std::chrono::minutes(1);
constexpr std::size_t kMostLogFiles = 20'000;

void note_problem(ContainerNames::State& state, const std::filesystem::path& socket,
                  const std::string& problem) {
    std::string& known = state.problems[socket];
    if (problem == known) {
        return;
    }
    if (problem.empty()) {
        spdlog::info("{} tells the names of containers again", socket.string());
    } else {
        spdlog::warn("{} does not tell the names of containers: {}", socket.string(),
                     printable(problem, 200));
    }
    known = problem;
}

// The body of the answer, or what went wrong.
asio::awaitable<Result<std::string>> ask(LocalStream& stream, const ContainerNameSources& sources,
                                         const std::filesystem::path& socket) {
    const auto failure = [&socket](std::string what) {
        return Error{Severity::transient, std::move(what), socket.string(), {}};
    };
    stream.expires_after(sources.patience); // for all of it
    if (const auto [error] = co_await stream.async_connect(local::endpoint(socket), kAsTuple);
        error) {
        co_return failure(error.message());
    }
    http::request<http::empty_body> request(http::verb::get, "/containers/json", 11);
    request.set(http::field::host, "localhost");
    request.set(http::field::user_agent, "wattvisor/" WATTVISOR_VERSION);
    request.set(http::field::connection, "close");
    if (const auto [error, sent] = co_await http::async_write(stream, request, kAsTuple); error) {
        co_return failure(error.message());
    }
    beast::flat_buffer buffer(std::size_t{64} << 10U);
    http::response_parser<http::string_body> parser;
    parser.body_limit(sources.largest_answer);
    if (const auto [error, got] = co_await http::async_read(stream, buffer, parser, kAsTuple);
        error) {
        co_return failure(error.message());
    }
    if (parser.get().result() != http::status::ok) {
        co_return failure("it answers " + std::to_string(parser.get().result_int()));
    }
    co_return std::move(parser.get().body());
}

asio::awaitable<void> ask_and_learn(StatePtr state, std::filesystem::path socket) {
    LocalStream stream(state->io);
    const auto body = co_await ask(stream, state->sources, socket);
    const auto containers =
        body ? parse_docker_containers(*body) : Result<std::vector<Container>>(body.error());
    --state->on_their_way;
    if (state->is_over) {
        co_return;
    }
    if (!containers) {
        note_problem(*state, socket, containers.error().what);
        co_return;
    }
    note_problem(*state, socket, {});
    state->registry.learn(*containers);
}

// One look at a folder of links: names only, nothing is followed.
void look_at_logs(ContainerNames::State& state) {
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(
        ::opendir(state.sources.kubernetes_logs.c_str()), ::closedir);
    if (!listing) {
        return; // not a node of Kubernetes
    }
    std::vector<Container> told;
    for (std::size_t looks = 0; looks < kMostLogFiles; ++looks) {
        const dirent* entry = ::readdir(listing.get());
        if (entry == nullptr) {
            break;
        }
        if (auto container = parse_kubernetes_log_name(entry->d_name)) {
            told.push_back(std::move(*container));
        }
    }
    state.registry.learn(told);
}

bool is_there(const std::filesystem::path& socket) {
    std::error_code ignored;
    return std::filesystem::exists(socket, ignored);
}

std::filesystem::path socket_of(const char* variable, const char* usual) {
    constexpr std::string_view kScheme = "unix://";
    const char* given = std::getenv(variable); // NOLINT(concurrency-mt-unsafe): while starting
    if (given != nullptr && std::string_view(given).starts_with(kScheme)) {
        return std::string_view(given).substr(kScheme.size());
    }
    return usual;
}

} // namespace

ContainerNameSources usual_container_sources() {
    ContainerNameSources sources;
    sources.sockets = {socket_of("DOCKER_HOST", "/var/run/docker.sock"),
                       socket_of("CONTAINER_HOST", "/run/podman/podman.sock")};
    return sources;
}

ContainerNames::ContainerNames(asio::io_context& io, ContainerRegistry& registry,
                               ContainerNameSources sources)
    : state_(std::make_shared<State>(io, registry, std::move(sources))) {}

ContainerNames::~ContainerNames() {
    state_->is_over = true;
}

void ContainerNames::publish(const SnapshotPtr& /*snapshot*/) {
    State& state = *state_;
    const auto now = steady_clock::now();
    const auto waited = state.asked ? now - *state.asked : steady_clock::duration::max();
    if (state.on_their_way > 0 || waited < state.sources.pause) {
        return;
    }
    const bool is_news = state.registry.newcomers() != state.newcomers;
    if (!is_news && (waited < kSecondTry || !state.registry.has_nameless())) {
        return;
    }
    state.asked = now;
    state.newcomers = state.registry.newcomers();
    state.registry.tidy();
    look_at_logs(state);
    for (const std::filesystem::path& socket : state.sources.sockets) {
        // Longer paths are no addresses; asio throws for them.
        if (is_there(socket) && socket.native().size() < 100) {
            ++state.on_their_way;
            asio::co_spawn(state.io, ask_and_learn(state_, socket), asio::detached);
        }
    }
}

} // namespace wattvisor
