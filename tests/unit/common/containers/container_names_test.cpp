// SPDX-License-Identifier: Apache-2.0
// Runtimes that answer, lie, hang and flood, each on a socket of its own.
#include "common/containers/container_names.hpp"
#include "tests/support/fake_tree.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace wattvisor {
namespace {

namespace asio = boost::asio;
using local = asio::local::stream_protocol;
using namespace std::chrono_literals;

const std::string kId(64, 'a');

// Answers each question with what it was given, as long as it is taken.
class FakeRuntime {
public:
    FakeRuntime(asio::io_context& io, const std::filesystem::path& socket, std::string answer,
                bool floods = false)
        : acceptor_(io, local::endpoint(socket)), answer_(std::move(answer)), floods_(floods) {
        accept();
    }
    [[nodiscard]] const std::vector<std::string>& questions() const { return questions_; }
    void answer_with(std::string answer) { answer_ = std::move(answer); }

private:
    struct Client {
        explicit Client(local::socket opened) : socket(std::move(opened)) {}
        local::socket socket;
        asio::streambuf question;
    };
    void accept() {
        acceptor_.async_accept([this](boost::system::error_code error, local::socket socket) {
            if (error) {
                return;
            }
            auto client = std::make_shared<Client>(std::move(socket));
            clients_.push_back(client);
            asio::async_read_until(client->socket, client->question, "\r\n\r\n",
                                   [this, client](boost::system::error_code failed, std::size_t) {
                                       if (!failed) {
                                           answer(client);
                                       }
                                   });
            accept();
        });
    }
    void answer(const std::shared_ptr<Client>& client) {
        questions_.emplace_back(asio::buffers_begin(client->question.data()),
                                asio::buffers_end(client->question.data()));
        send(client);
    }
    void send(const std::shared_ptr<Client>& client) {
        if (answer_.empty()) {
            return; // and never
        }
        asio::async_write(client->socket, asio::buffer(answer_),
                          [this, client](boost::system::error_code error, std::size_t) {
                              if (!error && floods_) {
                                  answer_ = std::string(1U << 16U, 'x');
                                  send(client);
                              } else {
                                  client->socket.close();
                              }
                          });
    }

    local::acceptor acceptor_;
    std::string answer_;
    bool floods_;
    std::vector<std::string> questions_;
    std::vector<std::shared_ptr<Client>> clients_;
};

std::string http(const std::string& body, const std::string& status = "200 OK") {
    return "HTTP/1.1 " + status +
           "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}

std::string list_of(const std::string& name) {
    return http(R"([{"Id":")" + kId + R"(","Names":["/)" + name + R"("],"Labels":{"a":"b"}}])");
}

class ContainerNamesTest : public testing::Test {
protected:
    ContainerNameSources sources() {
        ContainerNameSources sources;
        sources.sockets = {socket};
        sources.kubernetes_logs = tree.root() / "containers";
        sources.pause = 0s;
        sources.patience = 500ms;
        sources.largest_answer = 1U << 16U;
        return sources;
    }
    // Until nothing is on its way any more, or the test has waited far too long.
    bool run_until(const std::function<bool()>& is_true) {
        const auto end = std::chrono::steady_clock::now() + 60s;
        while (!is_true() && std::chrono::steady_clock::now() < end) {
            io.run_one_for(50ms);
        }
        return is_true();
    }
    [[nodiscard]] std::string name() const { return registry.renewed(container)->name; }

    test::FakeTree tree;
    std::filesystem::path socket = tree.root() / "docker.sock";
    asio::io_context io;
    ContainerRegistry registry{"node"};
    ContainerPtr container = registry.find({kId, "docker", "docker", "", ""});
};

TEST_F(ContainerNamesTest, AreAskedForWhenAContainerIsNew) {
    FakeRuntime runtime(io, socket, list_of("web"));
    ContainerNames names(io, registry, sources());
    names.publish(nullptr);
    ASSERT_TRUE(run_until([&] { return name() == "web"; }));
    EXPECT_EQ(registry.renewed(container)->labels.size(), 1U);
    ASSERT_EQ(runtime.questions().size(), 1U);
    EXPECT_TRUE(runtime.questions()[0].starts_with("GET /containers/json HTTP/1.1\r\n"))
        << "it only ever lists";
    for (int tick = 0; tick < 5; ++tick) {
        names.publish(nullptr);
        io.run_for(1ms);
    }
    EXPECT_EQ(runtime.questions().size(), 1U) << "there is no news";
    (void)registry.find({std::string(64, 'b'), "docker", "docker", "", ""});
    names.publish(nullptr);
    EXPECT_TRUE(run_until([&] { return runtime.questions().size() == 2; }));
}

TEST_F(ContainerNamesTest, AreNotAskedForMoreOftenThanAllowed) {
    FakeRuntime runtime(io, socket, list_of("web"));
    ContainerNameSources slow = sources();
    slow.pause = 1h;
    ContainerNames names(io, registry, slow);
    names.publish(nullptr);
    ASSERT_TRUE(run_until([&] { return name() == "web"; }));
    (void)registry.find({std::string(64, 'b'), "docker", "docker", "", ""});
    names.publish(nullptr);
    io.run_for(20ms);
    EXPECT_EQ(runtime.questions().size(), 1U);
}

TEST_F(ContainerNamesTest, AreNotToldByGarbage) {
    for (const std::string& answer :
         {std::string("\xff\xfe\n\n"), http("[{"), http("{}"), http("[]", "403 Forbidden"),
          std::string("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n["),
          std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}) {
        std::filesystem::remove(socket);
        FakeRuntime runtime(io, socket, answer);
        ContainerNames names(io, registry, sources());
        names.publish(nullptr);
        ASSERT_TRUE(run_until([&] { return !runtime.questions().empty(); })) << answer;
        io.run_for(20ms);
        EXPECT_EQ(name(), "") << answer;
    }
}

// It is let go of, and asked again: a runtime that was started anew answers.
TEST_F(ContainerNamesTest, DoNotWaitForARuntimeThatNeverAnswers) {
    FakeRuntime runtime(io, socket, "");
    ContainerNames names(io, registry, sources());
    names.publish(nullptr);
    ASSERT_TRUE(run_until([&] { return runtime.questions().size() == 1; }));
    runtime.answer_with(list_of("web"));
    (void)registry.find({std::string(64, 'b'), "", "", "", ""});
    EXPECT_TRUE(run_until([&] {
        names.publish(nullptr);
        return name() == "web";
    }));
}

TEST_F(ContainerNamesTest, TakeNoMoreThanTheyAllow) {
    FakeRuntime runtime(io, socket, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[",
                        true);
    ContainerNames names(io, registry, sources());
    names.publish(nullptr);
    ASSERT_TRUE(run_until([&] { return runtime.questions().size() == 1; }));
    io.run_for(700ms);
    EXPECT_EQ(name(), "");
}

TEST_F(ContainerNamesTest, NeedNoRuntime) {
    ContainerNames names(io, registry, sources());
    names.publish(nullptr);
    tree.file("docker.sock", "a file, no socket");
    (void)registry.find({std::string(64, 'b'), "", "", "", ""});
    names.publish(nullptr);
    io.run_for(20ms);
    EXPECT_EQ(name(), "");
}

// The names of the log files tell of pods whatever the runtime.
TEST_F(ContainerNamesTest, OfKubernetesAreInTheNamesOfItsLogs) {
    tree.file("containers/db-0_prod_postgres-" + kId + ".log", "");
    tree.file("containers/readme", "");
    ContainerNames names(io, registry, sources());
    names.publish(nullptr);
    EXPECT_EQ(name(), "postgres");
    EXPECT_EQ(registry.renewed(container)->pod_name, "db-0");
    EXPECT_EQ(registry.renewed(container)->pod_namespace, "prod");
}

TEST_F(ContainerNamesTest, MayEndWhileAQuestionIsOnItsWay) {
    FakeRuntime runtime(io, socket, list_of("web"));
    {
        ContainerNames names(io, registry, sources());
        names.publish(nullptr);
    }
    ASSERT_TRUE(run_until([&] { return !runtime.questions().empty(); }));
    io.run_for(50ms);
    EXPECT_EQ(name(), "") << "nobody is there to learn it";
}

} // namespace
} // namespace wattvisor
