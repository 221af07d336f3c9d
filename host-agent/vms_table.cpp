// SPDX-License-Identifier: Apache-2.0
#include "host-agent/vms_table.hpp"

#include "common/cli/display_width.hpp"
#include "common/cli/safe_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>

namespace wattvisor::host {

namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowestName = 12;
constexpr std::size_t kShortUuid = 8; // the first group of 36 characters
constexpr std::size_t kLongestName = 60;

struct Column {
    std::string_view title;
    bool right_aligned = false;
    std::vector<std::string> cells;
    std::size_t width = 0;
};

std::string_view text_of(Enrollment enrolled) {
    constexpr std::array<std::string_view, 4> kTexts{"?", "no", "yes", "9p"};
    return kTexts.at(static_cast<std::size_t>(enrolled));
}

std::string share_text(const std::optional<bool>& share_ok) {
    return share_ok ? (*share_ok ? "ok" : "missing") : "-";
}

std::string number_text(const std::optional<double>& value) {
    return value ? fmt::format("{:.1f}", *value) : "-";
}

template <typename Cell>
void add_column(std::vector<Column>& columns, std::string_view title, bool right_aligned,
                std::span<const VmRow> rows, Cell cell) {
    Column column{title, right_aligned, {}, title.size()};
    for (const VmRow& row : rows) {
        column.cells.push_back(cell(row));
        column.width = std::max(column.width, display_width(column.cells.back()));
    }
    columns.push_back(std::move(column));
}

// The name is the first column and the UUID the second, as fit() relies on.
std::vector<Column> columns_of(std::span<const VmRow> rows) {
    std::vector<Column> columns;
    const auto any = [rows](auto member) { return std::ranges::any_of(rows, member); };
    add_column(columns, "NAME", false, rows,
               [](const VmRow& row) { return printable(row.name, kLongestName); });
    add_column(columns, "UUID", false, rows,
               [](const VmRow& row) { return printable(row.uuid, kLongestName); });
    add_column(columns, "STATE", false, rows,
               [](const VmRow& row) { return printable(row.state); });
    add_column(columns, "ENROLLED", false, rows,
               [](const VmRow& row) { return std::string(text_of(row.enrolled)); });
    if (any([](const VmRow& row) { return row.share_ok.has_value(); })) {
        add_column(columns, "SHARE", false, rows,
                   [](const VmRow& row) { return share_text(row.share_ok); });
    }
    if (any([](const VmRow& row) { return row.watts.has_value(); })) {
        add_column(columns, "WATTS", true, rows,
                   [](const VmRow& row) { return number_text(row.watts); });
    }
    if (any([](const VmRow& row) { return row.joules.has_value(); })) {
        add_column(columns, "JOULES", true, rows,
                   [](const VmRow& row) { return number_text(row.joules); });
    }
    return columns;
}

void fit(std::vector<Column>& columns, std::size_t limit) {
    const auto total = [&columns] {
        return std::accumulate(
            columns.begin(), columns.end(), (columns.size() - 1) * kGap,
            [](std::size_t sum, const Column& column) { return sum + column.width; });
    };
    const auto shrink = [&](Column& column, std::size_t narrowest) {
        const std::size_t excess = total() > limit ? total() - limit : 0;
        const std::size_t spare = column.width > narrowest ? column.width - narrowest : 0;
        column.width -= std::min(excess, spare);
    };
    shrink(columns[0], kNarrowestName);
    if (total() > limit) {
        // Half a UUID helps nobody: its first group, and the name gets back what that frees.
        Column& name = columns[0];
        for (const std::string& cell : name.cells) {
            name.width = std::max(name.width, display_width(cell));
        }
        for (std::string& uuid : columns[1].cells) {
            uuid.resize(std::min(uuid.size(), kShortUuid));
        }
        columns[1].width = std::min(columns[1].width, kShortUuid);
        shrink(name, kNarrowestName);
    }
}

void append_cell(std::string& line, const Column& column, std::string_view text) {
    if (!line.empty()) {
        line.append(kGap, ' ');
    }
    const std::size_t width = display_width(text);
    if (column.right_aligned && width < column.width) {
        line.append(column.width - width, ' ').append(text);
    } else {
        line += fit_columns(text, column.width);
    }
}

void append_line(std::string& table, std::string line) {
    line.erase(line.find_last_not_of(' ') + 1);
    table += line + '\n';
}

nlohmann::json json_number(const std::optional<double>& value) {
    return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

} // namespace

std::string render_vms_table(std::span<const VmRow> rows, std::size_t columns) {
    if (rows.empty()) {
        return "No VM is defined at this hypervisor.\n";
    }
    std::vector<Column> table_columns = columns_of(rows);
    fit(table_columns, columns);
    std::string table;
    std::string header;
    for (const Column& column : table_columns) {
        append_cell(header, column, column.title);
    }
    append_line(table, std::move(header));
    for (std::size_t row = 0; row < rows.size(); ++row) {
        std::string line;
        for (const Column& column : table_columns) {
            append_cell(line, column, column.cells[row]);
        }
        append_line(table, std::move(line));
    }
    return table;
}

std::string render_vms_json(std::span<const VmRow> rows) {
    nlohmann::json array = nlohmann::json::array();
    for (const VmRow& row : rows) {
        nlohmann::json vm;
        vm["name"] = row.name;
        vm["uuid"] = row.uuid;
        vm["state"] = row.state;
        vm["enrolled"] = row.enrolled == Enrollment::unknown
                             ? nlohmann::json(nullptr)
                             : nlohmann::json(text_of(row.enrolled));
        vm["share_source"] =
            row.share_source.empty() ? nlohmann::json(nullptr) : nlohmann::json(row.share_source);
        vm["share_ok"] = row.share_ok ? nlohmann::json(*row.share_ok) : nlohmann::json(nullptr);
        vm["watts"] = json_number(row.watts);
        vm["joules"] = json_number(row.joules);
        array.push_back(std::move(vm));
    }
    // Names that are no UTF-8 become U+FFFD instead of an exception.
    return array.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

} // namespace wattvisor::host
