// SPDX-License-Identifier: Apache-2.0
// Reads YAML text into plain structs and collects every problem of a file at once, each with its
// line and column, so that an operator mends a file in one go. A setting that is absent leaves the
// variable at its default; an empty file is all defaults. Reading twice what the file does not say
// is no error, saying what nobody reads is. Pure functions of text; any thread, one at a time per
// document. Never opens a file and never throws on what a file contains.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

struct ConfigProblem {
    std::string file;
    int line = 0; // counted from 1, like column
    int column = 0;
    std::string text;

    // "FILE:LINE:COLUMN: TEXT", the form that editors jump to.
    [[nodiscard]] std::string message() const;
};

// All problems, one per line.
[[nodiscard]] std::string describe(std::span<const ConfigProblem> problems);

// Throws StartError with kExitConfiguration and all problems, if there are any.
void check_config(std::span<const ConfigProblem> problems);

template <typename T>
struct YamlChoice {
    std::string_view name;
    T value;
};

class YamlDocument;

// One group of keys and values. Lives as long as its document. All read functions leave `value`
// alone when the key is absent or its value is wrong; the latter becomes a problem.
class YamlSection {
public:
    void read(std::string_view key, std::string& value);
    void read(std::string_view key, bool& value);
    void read(std::string_view key, std::int64_t& value, std::int64_t lowest, std::int64_t highest);
    void read(std::string_view key, double& value, double lowest, double highest);
    void read(std::string_view key, std::chrono::nanoseconds& value,
              std::chrono::nanoseconds lowest, std::chrono::nanoseconds highest);
    // A list of single values.
    void read(std::string_view key, std::vector<std::string>& values);
    // A path that begins with '/' and has no ".." in it.
    void read_absolute_path(std::string_view key, std::filesystem::path& value);

    // True if `value` was taken from the file.
    template <typename T>
    bool read_choice(std::string_view key, T& value,
                     std::span<const YamlChoice<std::type_identity_t<T>>> choices) {
        std::vector<std::string_view> names;
        for (const auto& choice : choices) {
            names.push_back(choice.name);
        }
        const std::size_t chosen = read_choice_index(key, names);
        if (chosen < choices.size()) {
            value = choices[chosen].value;
        }
        return chosen < choices.size();
    }

    // A list of choices.
    template <typename T>
    void read_choices(std::string_view key, std::vector<T>& values,
                      std::span<const YamlChoice<std::type_identity_t<T>>> choices) {
        std::vector<std::string_view> names;
        for (const auto& choice : choices) {
            names.push_back(choice.name);
        }
        for (const std::size_t chosen : read_choice_indexes(key, names)) {
            values.push_back(choices[chosen].value);
        }
    }

    // The group under `key`; an empty one, which reads nothing, when it is absent.
    [[nodiscard]] YamlSection section(std::string_view key);
    // The groups of the list under `key`.
    [[nodiscard]] std::vector<YamlSection> list(std::string_view key);

    [[nodiscard]] bool has(std::string_view key) const;
    // A problem if the key is absent. `example` completes the sentence, e.g. "type: prometheus".
    void require(std::string_view key, std::string_view example);
    // Adds what only the caller can judge, at the place of the key's value.
    void add_problem(std::string_view key, std::string text);
    // All keys of the group, where they are names that somebody gave.
    [[nodiscard]] std::vector<std::string> keys() const;
    // Keys that nobody reads are fine here: the reader is interested in a part only.
    void ignore_other_keys();

private:
    friend class YamlDocument;
    YamlSection(YamlDocument& document, std::size_t index) : document_(&document), index_(index) {}
    // Position in `names`, or their count when there is nothing to take over.
    std::size_t read_choice_index(std::string_view key, std::span<const std::string_view> names);
    std::vector<std::size_t> read_choice_indexes(std::string_view key,
                                                 std::span<const std::string_view> names);

    YamlDocument* document_;
    std::size_t index_;
};

class YamlDocument {
public:
    // `file` only names the text in problems.
    YamlDocument(std::string_view text, std::string file);
    YamlDocument(const YamlDocument&) = delete;
    YamlDocument& operator=(const YamlDocument&) = delete;
    ~YamlDocument();

    [[nodiscard]] YamlSection root();
    // Call when everything has been read: adds the keys that nobody asked for and returns all
    // problems in the file's order.
    [[nodiscard]] std::vector<ConfigProblem> finish();

private:
    friend class YamlSection;
    struct Tree; // keeps yaml-cpp out of this header
    std::unique_ptr<Tree> tree_;
};

} // namespace wattvisor
