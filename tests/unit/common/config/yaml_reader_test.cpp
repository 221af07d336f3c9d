// SPDX-License-Identifier: Apache-2.0
#include "common/config/yaml_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

enum class Colour { red, green, blue };
constexpr std::array kColours{YamlChoice<Colour>{"red", Colour::red},
                              YamlChoice<Colour>{"green", Colour::green},
                              YamlChoice<Colour>{"blue", Colour::blue}};

struct Item {
    std::string name;
    std::int64_t size = 7;
};

struct Settings {
    std::string title = "none";
    bool loud = false;
    std::int64_t port = 80;
    std::chrono::nanoseconds interval = 1s;
    std::filesystem::path root = "/proc";
    Colour colour = Colour::red;
    std::string inner = "default";
    std::vector<Item> items;
    std::vector<std::string> problems;
};

Settings read(std::string_view text) {
    Settings settings;
    YamlDocument document(text, "f.yaml");
    YamlSection root = document.root();
    root.read("title", settings.title);
    root.read("loud", settings.loud);
    root.read("port", settings.port, 1, 65535);
    root.read("interval", settings.interval, 100ms, 1h);
    root.read_absolute_path("root", settings.root);
    root.read_choice("colour", settings.colour, std::span(kColours));
    root.section("group").read("inner", settings.inner);
    for (YamlSection& section : root.list("items")) {
        Item item;
        section.require("name", "name: a");
        section.read("name", item.name);
        section.read("size", item.size, 0, 9);
        settings.items.push_back(item);
    }
    for (const ConfigProblem& problem : document.finish()) {
        settings.problems.push_back(problem.message());
    }
    return settings;
}

TEST(YamlReader, EmptyFileIsAllDefaults) {
    for (const char* text : {"", "\n\n", "# nothing but a comment\n", "---\n", "---\n# x\n"}) {
        const Settings settings = read(text);
        EXPECT_THAT(settings.problems, IsEmpty()) << '"' << text << '"';
        EXPECT_EQ(settings.title, "none");
        EXPECT_EQ(settings.interval, 1s);
    }
}

TEST(YamlReader, ReadsEveryKindOfValue) {
    const Settings settings = read("title: \"a: b\"\n"
                                   "loud: yes\n"
                                   "port: 65535\n"
                                   "interval: 500ms\n"
                                   "root: /srv/proc\n"
                                   "colour: blue\n"
                                   "group: { inner: deep }\n"
                                   "items:\n"
                                   "  - name: one\n"
                                   "    size: 3\n"
                                   "  - name: two\n");
    EXPECT_THAT(settings.problems, IsEmpty());
    EXPECT_EQ(settings.title, "a: b");
    EXPECT_TRUE(settings.loud);
    EXPECT_EQ(settings.port, 65535);
    EXPECT_EQ(settings.interval, 500ms);
    EXPECT_EQ(settings.root, "/srv/proc");
    EXPECT_EQ(settings.colour, Colour::blue);
    EXPECT_EQ(settings.inner, "deep");
    ASSERT_EQ(settings.items.size(), 2U);
    EXPECT_EQ(settings.items[0].size, 3);
    EXPECT_EQ(settings.items[1].name, "two");
    EXPECT_EQ(settings.items[1].size, 7);
}

// A group whose lines were all commented out is a key without a value.
TEST(YamlReader, KeyWithoutValueIsAbsent) {
    const Settings settings = read("group:\n#  inner: x\nitems:\ntitle:\n");
    EXPECT_THAT(settings.problems, IsEmpty());
    EXPECT_EQ(settings.inner, "default");
    EXPECT_EQ(settings.title, "none");
}

TEST(YamlReader, CollectsAllProblemsInTheFilesOrder) {
    const Settings settings = read("intervall: 2s\n"
                                   "port: 70000\n"
                                   "loud: perhaps\n"
                                   "colour: pink\n"
                                   "group:\n"
                                   "  innner: x\n"
                                   "root: proc\n");
    EXPECT_THAT(
        settings.problems,
        ElementsAre("f.yaml:1:1: unknown key \"intervall\"; did you mean \"interval\"?",
                    "f.yaml:2:7: port must be a whole number from 1 to 65535, not \"70000\"",
                    "f.yaml:3:7: loud must be true or false, not \"perhaps\"",
                    "f.yaml:4:9: colour must be red, green or blue, not \"pink\"",
                    "f.yaml:6:3: unknown key \"innner\" in group; did you mean \"inner\"?",
                    "f.yaml:7:7: root must be a path that begins with / and has no .. in it, not "
                    "\"proc\""));
    EXPECT_EQ(settings.port, 80) << "a wrong value leaves the default";
    EXPECT_EQ(settings.colour, Colour::red);
    EXPECT_EQ(settings.root, "/proc");
}

TEST(YamlReader, UnknownKeyWithoutANearOneListsTheKnown) {
    EXPECT_THAT(read("group:\n  something: 1\n").problems,
                ElementsAre("f.yaml:2:3: unknown key \"something\" in group; known here: inner"));
}

TEST(YamlReader, SaysWhenAValueHasTheWrongShape) {
    EXPECT_THAT(read("title: [a, b]\n").problems,
                ElementsAre("f.yaml:1:8: title must be a single value, not a list"));
    EXPECT_THAT(read("port: {a: 1}\n").problems,
                ElementsAre("f.yaml:1:7: port must be a single value, not a group of keys"));
    EXPECT_THAT(
        read("group: 5\n").problems,
        ElementsAre("f.yaml:1:8: group must be a group of keys and values, not a single value"));
    EXPECT_THAT(read("items: {name: x}\n").problems,
                ElementsAre("f.yaml:1:8: items must be a list (lines that begin with \"- \"), not "
                            "a group of keys"));
    EXPECT_THAT(read("items:\n  - prometheus\n").problems,
                ElementsAre("f.yaml:2:5: each item of items must be a group of keys and values"));
    EXPECT_THAT(read("- a\n- b\n").problems,
                ElementsAre("f.yaml:1:1: a configuration is keys and values, such as \"interval: "
                            "1s\", not a list"));
}

TEST(YamlReader, Durations) {
    EXPECT_EQ(read("interval: 2m\n").interval, 2min);
    EXPECT_THAT(read("interval: soon\n").problems,
                ElementsAre("f.yaml:1:11: interval must be a duration such as 500ms, 1s or 2m, not "
                            "\"soon\""));
    EXPECT_THAT(read("interval: 99ms\n").problems,
                ElementsAre("f.yaml:1:11: interval must be from 100ms to 1h, not \"99ms\""));
    EXPECT_THAT(read("interval: 61m\n").problems,
                ElementsAre("f.yaml:1:11: interval must be from 100ms to 1h, not \"61m\""));
}

TEST(YamlReader, WholeNumbersAreNothingElse) {
    for (const char* text : {"0x50", "80.5", "1e3", "\"\"", "+80", "99999999999999999999", " - "}) {
        EXPECT_EQ(read(std::string("port: ") + text + "\n").problems.size(), 1U) << text;
    }
}

TEST(YamlReader, PathsStayWhereTheySay) {
    EXPECT_EQ(read("root: /a/../../etc\n").problems.size(), 1U);
    EXPECT_EQ(read("root: \"\"\n").problems.size(), 1U);
    EXPECT_EQ(read("root: \"/a\\0b\"\n").problems.size(), 1U);
    EXPECT_THAT(read("root: /a/..b/c\n").problems, IsEmpty());
}

// yaml-cpp keeps both and reads the first; somebody edited the second and wondered.
TEST(YamlReader, DuplicateKeys) {
    EXPECT_THAT(read("port: 1\ntitle: a\nport: 2\n").problems,
                ElementsAre("f.yaml:3:1: the key \"port\" is here twice, first on line 1"));
}

TEST(YamlReader, MissingKeys) {
    EXPECT_THAT(read("items:\n  - size: 1\n").problems,
                ElementsAre("f.yaml:2:5: items: the key \"name\" is missing, for example name: a"));
}

TEST(YamlReader, TextThatIsNoYaml) {
    const Settings settings = read("title: a\nport: [1, 2\n");
    ASSERT_EQ(settings.problems.size(), 1U);
    EXPECT_THAT(settings.problems[0], testing::HasSubstr("this is not YAML"));
    EXPECT_THAT(settings.problems[0], testing::StartsWith("f.yaml:"));
    EXPECT_THAT(read("title: a\n\tport: 1\n").problems, testing::SizeIs(1));
}

TEST(YamlReader, OneDocumentPerFile) {
    EXPECT_THAT(read("title: a\n---\nport: 1\n").problems, testing::SizeIs(1));
}

TEST(YamlReader, ProblemsQuoteHostileTextSafely) {
    const Settings settings = read("\"\\e[31mred\\n\": 1\n");
    ASSERT_EQ(settings.problems.size(), 1U);
    EXPECT_EQ(settings.problems[0].find('\x1b'), std::string::npos);
    EXPECT_EQ(settings.problems[0].find('\n'), std::string::npos);
}

TEST(YamlReader, ReadersOfAPartIgnoreTheRest) {
    YamlDocument document("other: 1\ngroup:\n  x: 1\n", "f.yaml");
    YamlSection root = document.root();
    root.ignore_other_keys();
    root.section("group").ignore_other_keys();
    EXPECT_THAT(document.finish(), IsEmpty());
}

TEST(YamlReader, ProblemsAreSaidOnce) {
    YamlDocument document("a: 1\nb: 2\n", "f.yaml");
    EXPECT_EQ(document.finish().size(), 2U);
    EXPECT_EQ(document.finish().size(), 2U);
}

TEST(YamlReader, DescribesOnePerLine) {
    const std::vector<ConfigProblem> problems{{"f", 1, 2, "a"}, {"f", 3, 4, "b"}};
    EXPECT_EQ(describe(problems), "f:1:2: a\nf:3:4: b");
}

// Deep nesting overflowed the stack of parsers that recurse without a limit.
TEST(YamlReader, DeepNestingIsAProblemNotACrash) {
    const std::string deep = "title: " + std::string(20'000, '[');
    EXPECT_FALSE(read(deep).problems.empty());
}

} // namespace
} // namespace wattvisor
