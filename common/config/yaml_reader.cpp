// SPDX-License-Identifier: Apache-2.0
#include "common/config/yaml_reader.hpp"

#include "common/base/error.hpp"
#include "common/cli/duration.hpp"
#include "common/cli/safe_text.hpp"
#include "common/config/closest_name.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <deque>
#include <optional>
#include <system_error>
#include <utility>

namespace wattvisor {

namespace {

struct Entry {
    std::string key;
    YAML::Mark key_mark;
    YAML::Node value;
};

struct SectionState {
    std::string name; // "shares"; empty at the top of the file
    std::vector<Entry> entries;
    std::vector<std::string> known; // what the program asked for
    YAML::Mark mark;
    bool other_keys_are_fine = false;
};

std::string in_quotes(std::string_view text) {
    constexpr std::size_t kLongest = 60;
    return '"' + printable(text, kLongest) + '"';
}

std::string joined(std::span<const std::string_view> names) {
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i) {
        text += i == 0 ? "" : i + 1 == names.size() ? " or " : ", ";
        text += names[i];
    }
    return text;
}

std::string_view kind_of(const YAML::Node& node) {
    return node.IsMap() ? "a group of keys" : node.IsSequence() ? "a list" : "a single value";
}

bool has_parent_step(const std::filesystem::path& path) {
    return std::ranges::any_of(path, [](const auto& part) { return part == ".."; });
}

} // namespace

std::string ConfigProblem::message() const {
    return file + ':' + std::to_string(line) + ':' + std::to_string(column) + ": " + text;
}

void check_config(std::span<const ConfigProblem> problems) {
    if (!problems.empty()) {
        throw StartError("the configuration has " + std::to_string(problems.size()) +
                             (problems.size() == 1 ? " problem:\n" : " problems:\n") +
                             describe(problems),
                         kExitConfiguration);
    }
}

std::string describe(std::span<const ConfigProblem> problems) {
    std::string text;
    for (const ConfigProblem& problem : problems) {
        text += (text.empty() ? "" : "\n") + problem.message();
    }
    return text;
}

struct YamlDocument::Tree {
    std::string file;
    std::deque<SectionState> sections; // a deque, since sections are added while others are in use
    std::vector<ConfigProblem> problems;

    void problem(const YAML::Mark& mark, std::string text) {
        problems.push_back({file, mark.line + 1, mark.column + 1, std::move(text)});
    }

    // yaml-cpp keeps both of two equal keys and finds the first; saying so is up to us.
    std::size_t add_section(std::string name, const YAML::Node& node) {
        SectionState state;
        state.name = std::move(name);
        state.mark = node.Mark();
        for (const auto& pair : node) {
            if (!pair.first.IsScalar()) {
                problem(pair.first.Mark(), "a key must be a single word");
                continue;
            }
            const std::string& key = pair.first.Scalar();
            const auto same = std::ranges::find(state.entries, key, &Entry::key);
            if (same != state.entries.end()) {
                problem(pair.first.Mark(), "the key " + in_quotes(key) +
                                               " is here twice, first on line " +
                                               std::to_string(same->key_mark.line + 1));
                continue;
            }
            state.entries.push_back({key, pair.first.Mark(), pair.second});
        }
        sections.push_back(std::move(state));
        return sections.size() - 1;
    }

    std::size_t add_empty_section(std::string name) {
        sections.emplace_back().name = std::move(name);
        return sections.size() - 1;
    }

    // Remembers that the program knows the key. A key without a value is as good as absent: that
    // is what remains of a group whose lines were all commented out.
    Entry* find(std::size_t section, std::string_view key) {
        SectionState& state = sections[section];
        if (std::ranges::find(state.known, key) == state.known.end()) {
            state.known.emplace_back(key);
        }
        const auto entry = std::ranges::find(state.entries, key, &Entry::key);
        return entry == state.entries.end() || entry->value.IsNull() ? nullptr : &*entry;
    }

    // The entry if it holds a single value, as the caller expects; else a problem, or nothing.
    Entry* find_scalar(std::size_t section, std::string_view key) {
        Entry* entry = find(section, key);
        if (entry != nullptr && !entry->value.IsScalar()) {
            problem(entry->value.Mark(), std::string(key) + " must be a single value, not " +
                                             std::string(kind_of(entry->value)));
            return nullptr;
        }
        return entry;
    }

    // The items of a list of single values; problems for what is something else.
    std::vector<YAML::Node> find_scalars(std::size_t section, std::string_view key) {
        std::vector<YAML::Node> items;
        const Entry* entry = find(section, key);
        if (entry == nullptr) {
            return items;
        }
        if (!entry->value.IsSequence()) {
            problem(entry->value.Mark(), std::string(key) + " must be a list (lines that begin " +
                                             "with \"- \"), not " +
                                             std::string(kind_of(entry->value)));
            return items;
        }
        const YAML::Node sequence = entry->value;
        for (const auto& item : sequence) {
            if (item.IsScalar()) {
                items.push_back(item);
            } else {
                problem(item.Mark(),
                        "each item of " + std::string(key) + " must be a single value");
            }
        }
        return items;
    }

    void add_unknown_keys() {
        for (const SectionState& state : sections) {
            for (const Entry& entry : state.entries) {
                if (state.other_keys_are_fine ||
                    std::ranges::find(state.known, entry.key) != state.known.end()) {
                    continue;
                }
                std::string text = "unknown key " + in_quotes(entry.key);
                text += state.name.empty() ? "" : " in " + state.name;
                if (const auto meant = closest_name(entry.key, state.known)) {
                    text += "; did you mean " + in_quotes(*meant) + '?';
                } else {
                    const std::vector<std::string_view> known(state.known.begin(),
                                                              state.known.end());
                    text += "; known here: " + joined(known);
                }
                problem(entry.key_mark, std::move(text));
            }
        }
    }
};

void YamlSection::read(std::string_view key, std::string& value) {
    if (const Entry* entry = document_->tree_->find_scalar(index_, key)) {
        value = entry->value.Scalar();
    }
}

void YamlSection::read(std::string_view key, bool& value) {
    const Entry* entry = document_->tree_->find_scalar(index_, key);
    if (entry == nullptr) {
        return;
    }
    if (!YAML::convert<bool>::decode(entry->value, value)) {
        document_->tree_->problem(entry->value.Mark(), std::string(key) +
                                                           " must be true or false, not " +
                                                           in_quotes(entry->value.Scalar()));
    }
}

void YamlSection::read(std::string_view key, double& value, double lowest, double highest) {
    const Entry* entry = document_->tree_->find_scalar(index_, key);
    if (entry == nullptr) {
        return;
    }
    const std::string& text = entry->value.Scalar();
    double number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    // Written so that what is no number at all ("nan") is refused too.
    if (text.empty() || error != std::errc{} || stop != end ||
        !(number >= lowest && number <= highest)) {
        document_->tree_->problem(entry->value.Mark(),
                                  fmt::format("{} must be a number from {:g} to {:g}, not {}", key,
                                              lowest, highest, in_quotes(text)));
        return;
    }
    value = number;
}

void YamlSection::read(std::string_view key, std::int64_t& value, std::int64_t lowest,
                       std::int64_t highest) {
    const Entry* entry = document_->tree_->find_scalar(index_, key);
    if (entry == nullptr) {
        return;
    }
    const std::string& text = entry->value.Scalar();
    std::int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (text.empty() || error != std::errc{} || stop != end || number < lowest ||
        number > highest) {
        document_->tree_->problem(entry->value.Mark(),
                                  std::string(key) + " must be a whole number from " +
                                      std::to_string(lowest) + " to " + std::to_string(highest) +
                                      ", not " + in_quotes(text));
        return;
    }
    value = number;
}

void YamlSection::read(std::string_view key, std::chrono::nanoseconds& value,
                       std::chrono::nanoseconds lowest, std::chrono::nanoseconds highest) {
    const Entry* entry = document_->tree_->find_scalar(index_, key);
    if (entry == nullptr) {
        return;
    }
    const auto duration = parse_duration(entry->value.Scalar());
    if (!duration) {
        document_->tree_->problem(entry->value.Mark(),
                                  std::string(key) +
                                      " must be a duration such as 500ms, 1s or 2m, not " +
                                      in_quotes(entry->value.Scalar()));
    } else if (*duration < lowest || *duration > highest) {
        document_->tree_->problem(entry->value.Mark(), std::string(key) + " must be from " +
                                                           format_duration(lowest) + " to " +
                                                           format_duration(highest) + ", not " +
                                                           in_quotes(entry->value.Scalar()));
    } else {
        value = *duration;
    }
}

void YamlSection::read_absolute_path(std::string_view key, std::filesystem::path& value) {
    const Entry* entry = document_->tree_->find_scalar(index_, key);
    if (entry == nullptr) {
        return;
    }
    const std::filesystem::path path = entry->value.Scalar();
    if (!path.is_absolute() || has_parent_step(path) ||
        path.native().find('\0') != std::string::npos) {
        document_->tree_->problem(
            entry->value.Mark(),
            std::string(key) + " must be a path that begins with / and has no .. in it, not " +
                in_quotes(path.native()));
        return;
    }
    value = path;
}

std::size_t YamlSection::read_choice_index(std::string_view key,
                                           std::span<const std::string_view> names) {
    const Entry* entry = document_->tree_->find_scalar(index_, key);
    if (entry == nullptr) {
        return names.size();
    }
    const std::string& text = entry->value.Scalar();
    const auto found = std::ranges::find(names, text);
    if (found == names.end()) {
        document_->tree_->problem(entry->value.Mark(), std::string(key) + " must be " +
                                                           joined(names) + ", not " +
                                                           in_quotes(text));
    }
    return static_cast<std::size_t>(found - names.begin());
}

std::vector<std::size_t> YamlSection::read_choice_indexes(std::string_view key,
                                                          std::span<const std::string_view> names) {
    std::vector<std::size_t> indexes;
    for (const YAML::Node& item : document_->tree_->find_scalars(index_, key)) {
        const auto found = std::ranges::find(names, item.Scalar());
        if (found == names.end()) {
            document_->tree_->problem(item.Mark(), std::string(key) + " may have " + joined(names) +
                                                       ", not " + in_quotes(item.Scalar()));
        } else {
            indexes.push_back(static_cast<std::size_t>(found - names.begin()));
        }
    }
    return indexes;
}

void YamlSection::read(std::string_view key, std::vector<std::string>& values) {
    for (const YAML::Node& item : document_->tree_->find_scalars(index_, key)) {
        values.push_back(item.Scalar());
    }
}

std::vector<std::string> YamlSection::keys() const {
    std::vector<std::string> keys;
    for (const Entry& entry : document_->tree_->sections[index_].entries) {
        keys.push_back(entry.key);
    }
    return keys;
}

YamlSection YamlSection::section(std::string_view key) {
    YamlDocument::Tree& tree = *document_->tree_;
    const Entry* entry = tree.find(index_, key);
    if (entry != nullptr && entry->value.IsMap()) {
        return {*document_, tree.add_section(std::string(key), entry->value)};
    }
    if (entry != nullptr) {
        tree.problem(entry->value.Mark(), std::string(key) +
                                              " must be a group of keys and values, not " +
                                              std::string(kind_of(entry->value)));
    }
    return {*document_, tree.add_empty_section(std::string(key))};
}

std::vector<YamlSection> YamlSection::list(std::string_view key) {
    YamlDocument::Tree& tree = *document_->tree_;
    const Entry* entry = tree.find(index_, key);
    std::vector<YamlSection> items;
    if (entry == nullptr) {
        return items;
    }
    if (!entry->value.IsSequence()) {
        tree.problem(entry->value.Mark(), std::string(key) + " must be a list (lines that begin " +
                                              "with \"- \"), not " +
                                              std::string(kind_of(entry->value)));
        return items;
    }
    const YAML::Node sequence = entry->value;
    for (const auto& item : sequence) {
        if (!item.IsMap()) {
            tree.problem(item.Mark(), "each item of " + std::string(key) +
                                          " must be a group of keys and values");
            continue;
        }
        items.push_back(YamlSection(*document_, tree.add_section(std::string(key), item)));
    }
    return items;
}

bool YamlSection::has(std::string_view key) const {
    return document_->tree_->find(index_, key) != nullptr;
}

void YamlSection::require(std::string_view key, std::string_view example) {
    if (!has(key)) {
        const SectionState& state = document_->tree_->sections[index_];
        document_->tree_->problem(
            state.mark, (state.name.empty() ? "" : state.name + ": ") + "the key " +
                            in_quotes(key) + " is missing, for example " + std::string(example));
    }
}

void YamlSection::add_problem(std::string_view key, std::string text) {
    const Entry* entry = document_->tree_->find(index_, key);
    document_->tree_->problem(entry != nullptr ? entry->value.Mark()
                                               : document_->tree_->sections[index_].mark,
                              std::move(text));
}

void YamlSection::ignore_other_keys() {
    document_->tree_->sections[index_].other_keys_are_fine = true;
}

YamlDocument::YamlDocument(std::string_view text, std::string file)
    : tree_(std::make_unique<Tree>()) {
    tree_->file = std::move(file);
    try {
        const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
        if (documents.size() > 1) {
            tree_->problem(
                documents[1].Mark(),
                "one file holds one configuration; remove the line --- and what follows");
        }
        if (!documents.empty() && documents[0].IsMap()) {
            tree_->add_section({}, documents[0]);
            return;
        }
        if (!documents.empty() && !documents[0].IsNull()) {
            tree_->problem(documents[0].Mark(), "a configuration is keys and values, such as "
                                                "\"interval: 1s\", not " +
                                                    std::string(kind_of(documents[0])));
        }
    } catch (const YAML::Exception& error) {
        tree_->problem(error.mark, "this is not YAML: " + error.msg);
    }
    tree_->add_empty_section({});
}

YamlDocument::~YamlDocument() = default;

YamlSection YamlDocument::root() {
    return {*this, 0};
}

std::vector<ConfigProblem> YamlDocument::finish() {
    tree_->add_unknown_keys();
    for (SectionState& state : tree_->sections) {
        state.other_keys_are_fine = true; // said once, should finish() be called again
    }
    std::ranges::stable_sort(tree_->problems, [](const auto& a, const auto& b) {
        return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
    return tree_->problems;
}

} // namespace wattvisor
