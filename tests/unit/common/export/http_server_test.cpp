// SPDX-License-Identifier: Apache-2.0
// The web server on the wire: real sockets on this machine, raw bytes in and out.
#include "common/base/error.hpp"
#include "common/export/http_server.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <crypt.h>
#include <ctime>
#include <functional>
#include <future>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <utility>

namespace wattvisor {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kGet = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

HttpServerOptions quick(const std::string& address) {
    HttpServerOptions options;
    options.address = address;
    options.port = 0;
    options.request_timeout = 5s;
    options.accept_pause = 20ms;
    return options;
}

HttpServer::Handler serves(const std::function<std::string()>& text) {
    return [text](PageFormat) { return std::make_shared<const Page>(text()); };
}

// The server on a thread of its own, as in an agent.
class Served {
public:
    explicit Served(
        HttpServerOptions options = quick("127.0.0.1"),
        const std::function<std::string()>& text = [] { return std::string("f 1\n"); })
        : server(context, std::move(options), serves(text)) {
        server.start();
        port = server.port();
        thread_ = std::thread([this] { context.run(); });
    }
    Served(const Served&) = delete;
    Served& operator=(const Served&) = delete;
    ~Served() { // NOLINT(bugprone-exception-escape): a test may end so
        asio::post(context, [this] { server.stop(); });
        work_.reset();
        thread_.join(); // would hang if stop() left a connection open
    }
    // Asks on the server's thread.
    std::size_t connections() {
        std::promise<std::size_t> answer;
        asio::post(context, [&] { answer.set_value(server.connections()); });
        return answer.get_future().get();
    }
    void wait_for_connections(std::size_t count) {
        for (int i = 0; i < 500 && connections() != count; ++i) {
            std::this_thread::sleep_for(10ms);
        }
        EXPECT_EQ(connections(), count);
    }

    asio::io_context context{1};
    HttpServer server;
    std::uint16_t port = 0;

private:
    asio::executor_work_guard<asio::io_context::executor_type> work_{context.get_executor()};
    std::thread thread_;
};

class Client {
public:
    explicit Client(std::uint16_t port, const std::string& address = "127.0.0.1") {
        socket_.connect(tcp::endpoint(asio::ip::make_address(address), port));
        // A server that does not answer fails the test instead of hanging it.
        const timeval patience{8, 0};
        ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    void send(std::string_view text) {
        boost::system::error_code ignored; // the server may have closed meanwhile
        asio::write(socket_, asio::buffer(text.data(), text.size()), ignored);
    }
    // One answer: header and as much body as it announces. Empty where the connection ended.
    std::string receive(bool with_body = true) {
        while (received_.find("\r\n\r\n") == std::string::npos) {
            if (!read_more()) {
                return std::exchange(received_, {});
            }
        }
        const std::size_t header = received_.find("\r\n\r\n") + 4;
        const std::size_t field = received_.find("Content-Length: ");
        std::size_t body = 0;
        if (with_body && field < header) {
            body = std::stoul(received_.substr(field + 16));
        }
        while (received_.size() < header + body && read_more()) {
        }
        std::string answer = received_.substr(0, header + body);
        received_.erase(0, header + body);
        return answer;
    }
    std::string ask(std::string_view request) {
        send(request);
        return receive();
    }
    bool is_closed() { return receive().empty(); }

private:
    bool read_more() {
        std::array<char, 4096> chunk{};
        const ssize_t got = ::recv(socket_.native_handle(), chunk.data(), chunk.size(), 0);
        if (got <= 0) {
            return false;
        }
        received_.append(chunk.data(), static_cast<std::size_t>(got));
        return true;
    }

    asio::io_context context_;
    tcp::socket socket_{context_};
    std::string received_;
};

TEST(HttpServer, AnswersGet) {
    Served served;
    const std::string answer = Client(served.port).ask(kGet);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    EXPECT_THAT(answer, testing::EndsWith("\r\n\r\nf 1\n"));
}

TEST(HttpServer, AnswersHeadWithoutABody) {
    Served served;
    Client client(served.port);
    client.send("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.receive(false), HasSubstr("Content-Length: 4\r\n"));
    // The next bytes on the connection are the next answer's.
    EXPECT_THAT(client.ask(kGet), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST(HttpServer, AnswersOtherPathsAndMethods) {
    Served served;
    Client client(served.port);
    EXPECT_THAT(client.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), HasSubstr("href=\"/metrics\""));
    EXPECT_THAT(client.ask("GET /else HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 404"));
    const std::string post =
        client.ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
    EXPECT_THAT(post, StartsWith("HTTP/1.1 405"));
    EXPECT_THAT(post, HasSubstr("Allow: GET, HEAD\r\n"));
    EXPECT_THAT(client.ask(kGet), StartsWith("HTTP/1.1 200")) << "the connection goes on";
}

TEST(HttpServer, KeepsTheConnectionAndAnswersInOrder) {
    int calls = 0;
    Served served(quick("127.0.0.1"), [&calls] { return "f " + std::to_string(++calls) + "\n"; });
    Client client(served.port);
    EXPECT_THAT(client.ask(kGet), testing::EndsWith("f 1\n"));
    client.send(std::string(kGet) + kGet);
    EXPECT_THAT(client.receive(), testing::EndsWith("f 2\n"));
    EXPECT_THAT(client.receive(), testing::EndsWith("f 3\n"));
}

TEST(HttpServer, ClosesWhereTheClientAsksForIt) {
    Served served;
    Client client(served.port);
    EXPECT_THAT(client.ask("GET /metrics HTTP/1.0\r\n\r\n"), HasSubstr("f 1\n"));
    EXPECT_TRUE(client.is_closed());
    Client other(served.port);
    EXPECT_THAT(other.ask("GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n"), HasSubstr("f 1"));
    EXPECT_TRUE(other.is_closed());
}

TEST(HttpServer, RefusesRubbish) {
    Served served;
    for (const std::string& rubbish :
         {std::string("\x16\x03\x01\x02"
                      "TLS hello\r\n\r\n"),
          std::string("GET\r\n\r\n"), std::string("GET / HTTP/9.9\r\n\r\n"),
          std::string("GET /metrics HTTP/1.1\r\nno colon\r\n\r\n")}) {
        Client client(served.port);
        EXPECT_THAT(client.ask(rubbish), StartsWith("HTTP/1.1 400")) << rubbish;
        EXPECT_TRUE(client.is_closed());
    }
}

TEST(HttpServer, RefusesALongHeaderAndALongBody) {
    Served served;
    Client header(served.port);
    EXPECT_THAT(header.ask("GET /metrics HTTP/1.1\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n"),
                StartsWith("HTTP/1.1 431"));
    Client target(served.port);
    EXPECT_THAT(target.ask("GET /" + std::string(100'000, 'x') + " HTTP/1.1\r\n\r\n"),
                StartsWith("HTTP/1.1 431"));
    Client body(served.port);
    EXPECT_THAT(body.ask("POST /metrics HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n"),
                StartsWith("HTTP/1.1 413"));
    Client endless(served.port);
    EXPECT_THAT(endless.ask("POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "ffff\r\n" +
                            std::string(0xffff, 'x')),
                StartsWith("HTTP/1.1 413"));
    EXPECT_THAT(Client(served.port).ask(kGet), HasSubstr("f 1\n"));
}

TEST(HttpServer, LosesAClientThatSendsTooSlowlyAndServesOthersMeanwhile) {
    HttpServerOptions options = quick("127.0.0.1");
    options.request_timeout = 300ms;
    Served served(options);
    Client slow(served.port);
    slow.send("GET /metrics HT");
    EXPECT_THAT(Client(served.port).ask(kGet), HasSubstr("f 1\n"));
    // A byte now and then does not win it time.
    std::thread drip([&slow] {
        for (int i = 0; i < 20; ++i) {
            slow.send("x");
            std::this_thread::sleep_for(50ms);
        }
    });
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(slow.is_closed());
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 900ms);
    drip.join();
}

TEST(HttpServer, LosesAClientThatDoesNotTakeItsAnswer) {
    HttpServerOptions options = quick("127.0.0.1");
    options.request_timeout = 300ms;
    Served served(options, [] { return std::string(32U << 20U, 'x'); });
    Client stuck(served.port);
    stuck.send(kGet);
    served.wait_for_connections(1);
    served.wait_for_connections(0);
}

TEST(HttpServer, ClosesAnIdleConnection) {
    HttpServerOptions options = quick("127.0.0.1");
    options.idle_timeout = 100ms;
    Served served(options);
    Client client(served.port);
    EXPECT_THAT(client.ask(kGet), HasSubstr("f 1\n"));
    EXPECT_TRUE(client.is_closed());
    served.wait_for_connections(0);
}

// 64 clients that kept their connections and asked for nothing kept every scraper out.
TEST(HttpServer, MakesRoomForANewClientWhereOthersWait) {
    HttpServerOptions options = quick("127.0.0.1");
    options.max_connections = 3;
    Served served(options);
    std::list<Client> idle;
    for (int i = 0; i < 3; ++i) {
        EXPECT_THAT(idle.emplace_back(served.port).ask(kGet), HasSubstr("f 1\n"));
    }
    // The first is asked again, so the second has waited longest.
    EXPECT_THAT(idle.front().ask(kGet), HasSubstr("f 1\n"));
    EXPECT_THAT(Client(served.port).ask(kGet), HasSubstr("f 1\n"));
    EXPECT_TRUE(std::next(idle.begin())->is_closed());
    EXPECT_THAT(idle.front().ask(kGet), HasSubstr("f 1\n"));
    EXPECT_LE(served.connections(), 3U);
}

TEST(HttpServer, ServesAScraperAmongHundredsWhoSendNothingOrSlowly) {
    HttpServerOptions options = quick("127.0.0.1");
    options.max_connections = 8;
    Served served(options);
    std::list<Client> clients;
    for (int i = 0; i < 200; ++i) {
        clients.emplace_back(served.port);
        if (i % 2 == 0) {
            clients.back().send("GET /metrics HTTP/1.1\r\nX-Slow: ");
        }
        if (i % 20 == 0) {
            EXPECT_THAT(Client(served.port).ask(kGet), HasSubstr("f 1\n"));
        }
    }
    EXPECT_LE(served.connections(), 8U);
    EXPECT_THAT(Client(served.port).ask(kGet), HasSubstr("f 1\n"));
}

TEST(HttpServer, RefusesANewClientWhereAllAreBeingAnswered) {
    HttpServerOptions options = quick("127.0.0.1");
    options.max_connections = 2;
    Served served(options, [] { return std::string(32U << 20U, 'x'); });
    std::list<Client> taking;
    for (int i = 0; i < 2; ++i) {
        // The beginning of the answer has come, and the rest does not fit into any buffer.
        taking.emplace_back(served.port).send(kGet);
        EXPECT_THAT(taking.back().receive(false), StartsWith("HTTP/1.1 200"));
    }
    EXPECT_THAT(Client(served.port).receive(), StartsWith("HTTP/1.1 503"));
}

TEST(HttpServer, ListensOnBothKindsOfAddress) {
    Served served(quick("::"));
    EXPECT_THAT(Client(served.port, "127.0.0.1").ask(kGet), HasSubstr("f 1\n"));
    if (served.server.where().starts_with('[')) {
        EXPECT_THAT(Client(served.port, "::1").ask(kGet), HasSubstr("f 1\n"));
    } // else this machine has no IPv6, and the server fell back
}

TEST(HttpServer, GoesOnWhenItsHandlerThrows) {
    bool broken = true;
    Served served(quick("127.0.0.1"), [&broken] {
        if (std::exchange(broken, false)) {
            throw std::runtime_error("no");
        }
        return std::string("f 1\n");
    });
    Client client(served.port);
    EXPECT_THAT(client.ask(kGet), StartsWith("HTTP/1.1 500"));
    EXPECT_THAT(client.ask(kGet), HasSubstr("f 1\n"));
}

// Takes every further file descriptor from this process for as long as it lives.
class NoMoreDescriptors {
public:
    NoMoreDescriptors() {
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &old_), 0);
        const rlimit none{0, old_.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    }
    NoMoreDescriptors(const NoMoreDescriptors&) = delete;
    NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;
    ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &old_); }

private:
    rlimit old_{};
};

// Without a pause, EMFILE would make a busy loop; with the listener given up, no scrape again.
TEST(HttpServer, OutlivesALackOfFileDescriptors) {
    Served served;
    Client early(served.port);
    EXPECT_THAT(early.ask(kGet), HasSubstr("f 1\n"));
    asio::io_context context;
    tcp::socket late(context, tcp::v4()); // has its descriptor already
    {
        const NoMoreDescriptors shortage;
        late.connect(tcp::endpoint(asio::ip::make_address("127.0.0.1"), served.port));
        const std::clock_t cpu = std::clock();
        std::this_thread::sleep_for(300ms);
        EXPECT_LT(std::clock() - cpu, CLOCKS_PER_SEC / 10);
        EXPECT_THAT(early.ask(kGet), HasSubstr("f 1\n")) << "connections that are open go on";
    }
    asio::write(late, asio::buffer(std::string_view(kGet)));
    std::array<char, 12> begin{};
    asio::read(late, asio::buffer(begin));
    EXPECT_EQ(std::string_view(begin.data(), begin.size()), "HTTP/1.1 200");
}

constexpr const char* kGetGzip =
    "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n";

TEST(HttpServer, CompressesWhereTheClientAsksForIt) {
    Served served(quick("127.0.0.1"), [] { return std::string(100'000, 'x'); });
    Client client(served.port);
    const std::string answer = client.ask(kGetGzip);
    EXPECT_THAT(answer, HasSubstr("Content-Encoding: gzip\r\n"));
    EXPECT_THAT(answer, HasSubstr("\r\n\r\n\x1f\x8b"));
    EXPECT_LT(answer.size(), 2000U);
    EXPECT_THAT(client.ask(kGet), testing::EndsWith(std::string(100, 'x')));
}

// bcrypt's hash of "secret", cost 4.
WebConfig with_password() {
    WebConfig web;
    const auto data = std::make_unique<crypt_data>();
    web.users["alice"] = crypt_r("secret", "$2b$04$abcdefghijklmnopqrstuu", data.get());
    return web;
}

constexpr const char* kGetAsAlice = "GET /metrics HTTP/1.1\r\nHost: x\r\n"
                                    "Authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n";
constexpr const char* kGetAsMallory = "GET /metrics HTTP/1.1\r\nHost: x\r\n"
                                      "Authorization: Basic bWFsbG9yeTpzZWNyZXQ=\r\n\r\n";

TEST(HttpServer, AsksForThePasswordOnEveryPath) {
    HttpServerOptions options = quick("127.0.0.1");
    options.web = with_password();
    Served served(options);
    Client client(served.port);
    EXPECT_THAT(client.ask(kGet), StartsWith("HTTP/1.1 401"));
    EXPECT_THAT(client.ask("GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 401"));
    EXPECT_THAT(client.ask("GET /else HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 401"));
    EXPECT_THAT(client.ask(kGetAsMallory), StartsWith("HTTP/1.1 401"));
    EXPECT_THAT(client.ask(kGetAsAlice), testing::EndsWith("f 1\n"));
    EXPECT_THAT(client.ask(kGetAsAlice), testing::EndsWith("f 1\n"));
    EXPECT_THAT(client.ask(kGet), StartsWith("HTTP/1.1 401")) << "the connection has no memory";
}

// A check takes a tenth of a second: guessing may not delay the pages of who is known.
TEST(HttpServer, ServesWhoIsKnownWhilePasswordsAreGuessed) {
    HttpServerOptions options = quick("127.0.0.1");
    options.web = with_password();
    options.web.users["slow"] = "$2b$10" + options.web.users["alice"].substr(6);
    Served served(options); // an unknown user now costs what the dearest hash does
    Client alice(served.port);
    EXPECT_THAT(alice.ask(kGetAsAlice), testing::EndsWith("f 1\n"));
    std::list<Client> guessers;
    for (int i = 0; i < 20; ++i) {
        guessers.emplace_back(served.port).send(kGetAsMallory);
    }
    EXPECT_THAT(alice.ask(kGetAsAlice), testing::EndsWith("f 1\n"));
    int denied = 0;
    int later = 0;
    for (Client& guesser : guessers) {
        const std::string answer = guesser.receive();
        denied += answer.starts_with("HTTP/1.1 401") ? 1 : 0;
        later += answer.starts_with("HTTP/1.1 503") ? 1 : 0;
    }
    EXPECT_EQ(denied + later, 20);
    EXPECT_GE(denied, 2);
}

TEST(HttpServer, StopsWhilePasswordsAreChecked) {
    HttpServerOptions options = quick("127.0.0.1");
    options.web = with_password();
    options.web.users["slow"] = "$2b$10" + options.web.users["alice"].substr(6);
    options.max_password_checks_of_address = 8;
    std::optional<Served> served(std::in_place, options);
    std::list<Client> guessers;
    for (int i = 0; i < 5; ++i) {
        guessers.emplace_back(served->port).send(kGetAsMallory);
    }
    served->wait_for_connections(5);
    served.reset();
    for (Client& guesser : guessers) {
        EXPECT_THAT(guesser.receive(), testing::Not(HasSubstr("f 1\n")));
    }
}

TEST(HttpServer, StopsWithClientsConnected) {
    std::optional<Served> served(std::in_place);
    Client idle(served->port);
    EXPECT_THAT(idle.ask(kGet), HasSubstr("f 1\n"));
    Client silent(served->port);
    served->wait_for_connections(2);
    const std::uint16_t port = served->port;
    served.reset();
    EXPECT_TRUE(idle.is_closed());
    EXPECT_TRUE(silent.is_closed());
    EXPECT_THROW(Client{port}, boost::system::system_error);
}

TEST(HttpServer, MayBeDestroyedWithoutEverRunning) {
    asio::io_context context;
    HttpServer server(context, quick("127.0.0.1"), serves([] { return std::string(); }));
    server.start();
    EXPECT_THAT(server.where(), StartsWith("127.0.0.1:"));
}

TEST(HttpServer, SaysThatItsPortIsTaken) {
    Served served;
    asio::io_context context;
    HttpServerOptions options = quick("127.0.0.1");
    options.port = served.port;
    HttpServer second(context, options, serves([] { return std::string(); }));
    EXPECT_THROW(second.start(), StartError);
}

} // namespace
} // namespace wattvisor
