// SPDX-License-Identifier: Apache-2.0
// On /dev/shm where there is one: shares lie on a tmpfs, and so do these.
#include "host-agent/share_folder.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace wattvisor::host {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

namespace fs = std::filesystem;

constexpr std::uint64_t kRange = 9'223'372'036'854'775'807U;

class SharedMemoryFolder {
public:
    SharedMemoryFolder() {
        std::string pattern = (parent() / "wattvisor-share-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) {
            throw std::runtime_error("cannot make " + pattern);
        }
        path_ = pattern;
    }
    SharedMemoryFolder(const SharedMemoryFolder&) = delete;
    SharedMemoryFolder& operator=(const SharedMemoryFolder&) = delete;
    ~SharedMemoryFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

private:
    static fs::path parent() {
        return ::access("/dev/shm", W_OK) == 0 ? fs::path("/dev/shm") : fs::temp_directory_path();
    }
    fs::path path_;
};

std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void write(const fs::path& path, std::string_view content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

struct stat status_of(const fs::path& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status;
}

FileDescriptor open_folder(const fs::path& path) {
    return FileDescriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

ShareRecord record_of(std::uint64_t sequence, std::uint64_t package_uj, std::uint64_t dram_uj) {
    ShareRecord record;
    record.epoch = "0123456789abcdef";
    record.sequence = sequence;
    record.interval = 1s;
    record.time = std::chrono::seconds(sequence);
    record.zones = {
        {{"intel-rapl:0", "package-0", ZoneKind::package, 0, kRange}, package_uj},
        {{"intel-rapl:0:0", "dram", ZoneKind::dram, 0, kRange}, dram_uj},
    };
    return record;
}

class Folder : public testing::Test {
protected:
    [[nodiscard]] Result<ShareFolder> open(const ShareRecord& record) const {
        return ShareFolder::open(open_folder(root()), "the share", record);
    }
    void expect_whole(const ShareRecord& record) const {
        EXPECT_EQ(read(root() / "wattvisor/snapshot"), encode_share_record(record));
        for (const ShareRecord::Entry& entry : record.zones) {
            EXPECT_EQ(read(root() / entry.zone.id / "energy_uj"), padded_value(entry.total_uj));
            EXPECT_EQ(read(root() / entry.zone.id / "name"), entry.zone.name + "\n");
        }
    }
    [[nodiscard]] std::vector<std::string> tree() const {
        std::vector<std::string> paths;
        for (const auto& entry : fs::recursive_directory_iterator(root())) {
            paths.push_back(fs::relative(entry.path(), root()).string() +
                            (entry.is_directory() && !entry.is_symlink() ? "/" : ""));
        }
        std::sort(paths.begin(), paths.end());
        return paths;
    }
    [[nodiscard]] const fs::path& root() const { return folder_.path(); }

    const std::string package_ = "intel-rapl:0";
    const std::string dram_ = "intel-rapl:0:0";

private:
    SharedMemoryFolder folder_;
};

Result<bool> write(ShareFolder& share, const ShareRecord& record) {
    ShareRecordText text(record);
    return share.write(record, text);
}

TEST(PaddedValue, HasAConstantLengthAndNoLeadingZeros) {
    for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{7}, std::uint64_t{89'001},
                                      std::numeric_limits<std::uint64_t>::max()}) {
        const std::string text = padded_value(value);
        EXPECT_EQ(text.size(), 21U);
        EXPECT_EQ(text.substr(0, text.find('\n')), std::to_string(value));
        EXPECT_EQ(text.find_first_not_of('\n', text.find('\n')), std::string::npos) << "padding";
        // powercap-utils: a leading zero would be octal.
        EXPECT_EQ(std::strtoull(text.c_str(), nullptr, 0), value);
    }
}

TEST_F(Folder, HasBothViewsOfTheKernel) {
    ASSERT_TRUE(open(record_of(1, 10, 20)));
    EXPECT_THAT(tree(), testing::UnorderedElementsAre(
                            "intel-rapl/", "intel-rapl/enabled", "intel-rapl/intel-rapl:0/",
                            "intel-rapl/intel-rapl:0/enabled", "intel-rapl/intel-rapl:0/energy_uj",
                            "intel-rapl/intel-rapl:0/intel-rapl:0:0/",
                            "intel-rapl/intel-rapl:0/intel-rapl:0:0/enabled",
                            "intel-rapl/intel-rapl:0/intel-rapl:0:0/energy_uj",
                            "intel-rapl/intel-rapl:0/intel-rapl:0:0/max_energy_range_uj",
                            "intel-rapl/intel-rapl:0/intel-rapl:0:0/name",
                            "intel-rapl/intel-rapl:0/max_energy_range_uj",
                            "intel-rapl/intel-rapl:0/name", "intel-rapl:0/", "intel-rapl:0/enabled",
                            "intel-rapl:0/energy_uj", "intel-rapl:0/max_energy_range_uj",
                            "intel-rapl:0/name", "intel-rapl:0:0/", "intel-rapl:0:0/enabled",
                            "intel-rapl:0:0/energy_uj", "intel-rapl:0:0/max_energy_range_uj",
                            "intel-rapl:0:0/name", "wattvisor/", "wattvisor/snapshot"));
    EXPECT_EQ(read(root() / "intel-rapl/enabled"), "1\n");
    EXPECT_EQ(read(root() / "intel-rapl:0/enabled"), "1\n");
    expect_whole(record_of(1, 10, 20));
}

TEST_F(Folder, HasOneFileForBothViewsAndAnybodyMayReadIt) {
    ASSERT_TRUE(open(record_of(1, 10, 20)));
    const fs::path nested = root() / "intel-rapl" / package_;
    for (const char* file : {"name", "energy_uj", "max_energy_range_uj", "enabled"}) {
        for (const auto& [flat, deep] :
             {std::pair(root() / package_, nested), std::pair(root() / dram_, nested / dram_)}) {
            EXPECT_EQ(status_of(flat / file).st_ino, status_of(deep / file).st_ino) << file;
            EXPECT_EQ(status_of(flat / file).st_nlink, 2U) << file;
            EXPECT_EQ(status_of(flat / file).st_mode & 0777U, 0644U) << file;
        }
    }
}

TEST_F(Folder, HasFilesOfConstantSize) {
    auto share = open(record_of(1, 0, 20));
    ASSERT_TRUE(share);
    for (const std::uint64_t energy : {std::uint64_t{0}, std::uint64_t{123'456}, kRange}) {
        ASSERT_TRUE(write(*share, record_of(2, energy, 20)));
        EXPECT_EQ(status_of(root() / package_ / "energy_uj").st_size, 21);
        EXPECT_EQ(status_of(root() / package_ / "max_energy_range_uj").st_size, 21);
        EXPECT_EQ(status_of(root() / "wattvisor/snapshot").st_size, 4096);
        const std::string range = read(root() / package_ / "max_energy_range_uj");
        EXPECT_EQ(std::strtoull(range.c_str(), nullptr, 0), kRange);
    }
}

TEST_F(Folder, IsWrittenInPlace) {
    auto share = open(record_of(1, 10, 20));
    ASSERT_TRUE(share);
    const auto before = status_of(root() / package_ / "energy_uj").st_ino;
    const auto snapshot_before = status_of(root() / "wattvisor/snapshot").st_ino;
    ASSERT_TRUE(write(*share, record_of(2, 1000, 20)));
    expect_whole(record_of(2, 1000, 20));
    EXPECT_EQ(status_of(root() / package_ / "energy_uj").st_ino, before);
    EXPECT_EQ(status_of(root() / "wattvisor/snapshot").st_ino, snapshot_before);
}

// Opening a device is enough to do harm: a watchdog that is opened and closed resets the host.
TEST_F(Folder, DoesNotOpenADeviceThatTheGuestMade) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "making a device node needs root";
    }
    ASSERT_TRUE(open(record_of(1, 10, 20)));
    const fs::path energy = root() / package_ / "energy_uj";
    fs::remove(energy);
    // The null device: it would take a value without a word.
    ASSERT_EQ(::mknod(energy.c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
    ASSERT_TRUE(open(record_of(2, 11, 21)));
    EXPECT_TRUE(S_ISREG(status_of(energy).st_mode)) << "replaced by a file of ours";
}

// A reader that keeps its files open, as Telegraf and our own guest agent do, must not be left with
// files that nobody writes any more when the agent on the host was updated.
TEST_F(Folder, IsTakenOverByTheNextRunOfTheAgent) {
    ASSERT_TRUE(open(record_of(1, 10, 20)));
    std::vector<ino_t> before;
    std::vector<FileDescriptor> readers;
    const std::vector<fs::path> files{root() / package_ / "energy_uj", root() / dram_ / "name",
                                      root() / "intel-rapl" / package_ / "energy_uj",
                                      root() / "wattvisor/snapshot"};
    for (const fs::path& file : files) {
        before.push_back(status_of(file).st_ino);
        readers.emplace_back(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    }
    auto next = open(record_of(7, 70, 80));
    ASSERT_TRUE(next);
    ASSERT_TRUE(write(*next, record_of(8, 90, 95)));
    for (std::size_t i = 0; i < files.size(); ++i) {
        EXPECT_EQ(status_of(files[i]).st_ino, before[i]) << files[i];
    }
    std::array<char, 21> seen{};
    ASSERT_EQ(::pread(readers[0].get(), seen.data(), seen.size(), 0), 21);
    EXPECT_EQ(std::string(seen.data(), seen.size()), padded_value(90));
    expect_whole(record_of(8, 90, 95));
}

TEST_F(Folder, LosesZonesThatTheHostNoLongerHasInBothViews) {
    ShareRecord many = record_of(1, 10, 20);
    many.zones.push_back({{"intel-rapl:0:1", "uncore", ZoneKind::uncore, 0, kRange}, 1});
    many.zones.push_back({{"intel-rapl:1", "package-1", ZoneKind::package, 1, kRange}, 1});
    many.zones.push_back({{"intel-rapl:1:0", "dram", ZoneKind::dram, 1, kRange}, 1});
    ASSERT_TRUE(open(many));
    const SharedMemoryFolder fresh;
    ASSERT_TRUE(ShareFolder::open(open_folder(fresh.path()), "", record_of(2, 30, 40)));
    ASSERT_TRUE(open(record_of(2, 30, 40)));
    std::vector<std::string> expected;
    for (const auto& entry : fs::recursive_directory_iterator(fresh.path())) {
        expected.push_back(fs::relative(entry.path(), fresh.path()).string() +
                           (entry.is_directory() ? "/" : ""));
    }
    EXPECT_THAT(tree(), testing::UnorderedElementsAreArray(expected));
    expect_whole(record_of(2, 30, 40));
}

// The files of a zone may have another place in a tree of Scaphandre's, and some more beside them.
TEST_F(Folder, TakesOverATreeOfScaphandres) {
    fs::create_directories(root() / "intel-rapl:0:0");
    fs::create_directories(root() / "intel-rapl:0");
    write(root() / "intel-rapl:0/energy_uj", "12345");
    ASSERT_TRUE(open(record_of(1, 10, 20)));
    expect_whole(record_of(1, 10, 20));
}

TEST_F(Folder, LeavesAloneWhatIsNotAZone) {
    write(root() / "note.txt", "mine");
    fs::create_directories(root() / "dtpm:0");
    ASSERT_TRUE(open(record_of(1, 10, 20)));
    EXPECT_EQ(read(root() / "note.txt"), "mine");
    EXPECT_TRUE(fs::exists(root() / "dtpm:0"));
}

// What a guest can put in the way where its share is writable: a tmpfs that was mounted by hand.
class HostileFolder : public Folder {
protected:
    HostileFolder() {
        write(outside_.path() / "victim", kVictim);
        fs::create_directories(root() / "intel-rapl" / package_ / dram_);
        fs::create_directories(root() / package_);
        fs::create_directories(root() / dram_);
        fs::create_directories(root() / "wattvisor");
    }
    [[nodiscard]] fs::path victim() const { return outside_.path() / "victim"; }
    void expect_victim_untouched() const {
        EXPECT_EQ(read(victim()), kVictim);
        EXPECT_EQ(std::distance(fs::directory_iterator(outside_.path()), {}), 1);
    }
    // In each place where a file of ours belongs, one at a time.
    template <typename Plant>
    void try_each_place(Plant plant) {
        const std::string nested = "intel-rapl/" + package_ + "/";
        for (const std::string& place :
             {package_ + "/name", package_ + "/energy_uj", package_ + "/max_energy_range_uj",
              package_ + "/enabled", dram_ + "/energy_uj", nested + "energy_uj",
              nested + dram_ + "/energy_uj", std::string("intel-rapl/enabled"),
              std::string("wattvisor/snapshot")}) {
            SCOPED_TRACE(place);
            fs::remove_all(root() / place);
            plant(root() / place);
            auto share = open(record_of(1, 10, 20));
            ASSERT_TRUE(share) << share.error().message();
            EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(root() / place)));
            ASSERT_TRUE(write(*share, record_of(2, 30, 40)));
            expect_whole(record_of(2, 30, 40));
            EXPECT_EQ(read(root() / "intel-rapl" / package_ / "energy_uj"), padded_value(30));
            EXPECT_EQ(read(root() / "intel-rapl" / package_ / dram_ / "energy_uj"),
                      padded_value(40));
            EXPECT_EQ(read(root() / "intel-rapl/enabled"), "1\n");
            EXPECT_EQ(read(root() / package_ / "enabled"), "1\n");
            expect_victim_untouched();
        }
    }

    static constexpr const char* kVictim = "a file of the host, 21 b";
    SharedMemoryFolder outside_;
};

// Scaphandre, as root, would write through it into any file of the host.
TEST_F(HostileFolder, FollowsNoLinkInAFilesPlace) {
    try_each_place([this](const fs::path& place) { fs::create_symlink(victim(), place); });
}

TEST_F(HostileFolder, FollowsNoLinkToNowhere) {
    try_each_place(
        [this](const fs::path& place) { fs::create_symlink(outside_.path() / "none", place); });
}

TEST_F(HostileFolder, IsNotHeldUpByAPipe) {
    try_each_place([](const fs::path& place) { ASSERT_EQ(::mkfifo(place.c_str(), 0600), 0); });
}

TEST_F(HostileFolder, IsNotHeldUpByAPipeWithAReader) {
    std::vector<FileDescriptor> readers;
    try_each_place([&readers](const fs::path& place) {
        ASSERT_EQ(::mkfifo(place.c_str(), 0600), 0);
        readers.emplace_back(::open(place.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    });
}

TEST_F(HostileFolder, ReplacesAnEmptyFolderInAFilesPlace) {
    try_each_place([](const fs::path& place) { fs::create_directory(place); });
}

TEST_F(HostileFolder, ReplacesFilesOfAnotherSize) {
    try_each_place([](const fs::path& place) { write(place, std::string(10'000, '9')); });
    try_each_place([](const fs::path& place) { write(place, ""); });
}

// Of the right size, but with as many names as it should not have: outside of the share even.
TEST_F(HostileFolder, DoesNotWriteIntoAFileThatHasOtherNames) {
    if (status_of(outside_.path()).st_dev != status_of(root()).st_dev) {
        GTEST_SKIP() << "on two file systems";
    }
    const fs::path other = root() / "other";
    write(other, std::string(21, 'x'));
    for (const char* name : {"one", "two"}) {
        fs::create_hard_link(other, root() / name);
    }
    fs::create_hard_link(other, root() / package_ / "energy_uj");
    ASSERT_TRUE(open(record_of(1, 10, 20)));
    EXPECT_EQ(read(other), std::string(21, 'x'));
    expect_whole(record_of(1, 10, 20));
}

TEST_F(HostileFolder, FollowsNoLinkInAFoldersPlace) {
    const fs::path nested = fs::path("intel-rapl") / package_;
    for (const fs::path& place :
         {fs::path(package_), fs::path(dram_), fs::path("intel-rapl"), nested, nested / dram_,
          fs::path("wattvisor"), fs::path("intel-rapl:7"), fs::path("intel-rapl/intel-rapl:7")}) {
        SCOPED_TRACE(place);
        fs::remove_all(root() / place);
        fs::create_directory_symlink(outside_.path(), root() / place);
        ASSERT_TRUE(open(record_of(1, 10, 20)));
        expect_victim_untouched();
        expect_whole(record_of(1, 10, 20));
        EXPECT_FALSE(fs::is_symlink(root() / place));
    }
}

// A link to a folder that holds files named like ours, in the place of a zone that is to be
// removed.
TEST_F(HostileFolder, RemovesNothingBehindALink) {
    write(outside_.path() / "energy_uj", "host");
    fs::create_directory_symlink(outside_.path(), root() / "intel-rapl:9");
    ASSERT_TRUE(open(record_of(1, 10, 20)));
    EXPECT_EQ(read(outside_.path() / "energy_uj"), "host");
    EXPECT_FALSE(fs::is_symlink(root() / "intel-rapl:9"));
}

TEST_F(HostileFolder, ReplacesAFileInAFoldersPlace) {
    for (const std::string& place :
         {package_, std::string("intel-rapl"), std::string("wattvisor")}) {
        SCOPED_TRACE(place);
        fs::remove_all(root() / place);
        write(root() / place, "file");
        ASSERT_TRUE(open(record_of(1, 10, 20)));
        expect_whole(record_of(1, 10, 20));
    }
}

TEST_F(HostileFolder, SaysWhichFolderIsInTheWayAndIsWholeOnceItIsGone) {
    const fs::path in_the_way = root() / package_ / "energy_uj";
    fs::create_directories(in_the_way / "not empty");
    const auto share = open(record_of(1, 10, 20));
    ASSERT_FALSE(share);
    EXPECT_THAT(share.error().message(), HasSubstr("the share/intel-rapl:0/energy_uj: "));
    fs::remove_all(in_the_way);
    ASSERT_TRUE(open(record_of(1, 10, 20)));
    expect_whole(record_of(1, 10, 20));
}

TEST_F(HostileFolder, KeepsAZoneFolderThatHoldsMoreThanOursAndGoesOn) {
    fs::create_directories(root() / "intel-rapl:5/deep");
    ASSERT_TRUE(open(record_of(1, 10, 20)));
    EXPECT_TRUE(fs::exists(root() / "intel-rapl:5/deep"));
    expect_whole(record_of(1, 10, 20));
}

// The guest removed or renamed what is open: the agent neither fails nor follows.
TEST_F(HostileFolder, GoesOnWritingWhereTheGuestTookTheNamesAway) {
    auto share = open(record_of(1, 10, 20));
    ASSERT_TRUE(share);
    fs::remove_all(root() / package_);
    fs::create_directory_symlink(outside_.path(), root() / package_);
    EXPECT_TRUE(write(*share, record_of(2, 30, 40)));
    expect_victim_untouched();
    EXPECT_EQ(read(root() / dram_ / "energy_uj"), padded_value(40));
}

TEST_F(Folder, ThatCannotBeWrittenIsAnError) {
    // Not for root by permissions: a folder of /proc takes no file from anybody.
    const auto share = ShareFolder::open(open_folder("/proc/self"), "there", record_of(1, 1, 1));
    ASSERT_FALSE(share);
    EXPECT_THAT(share.error().message(), testing::StartsWith("there/intel-rapl: "));
    const auto none = ShareFolder::open(open_folder(root() / "none"), "none", record_of(1, 1, 1));
    EXPECT_FALSE(none);
}

TEST_F(Folder, ThatWasRemovedIsAnErrorWhenOpened) {
    FileDescriptor folder = open_folder(root());
    fs::remove(root());
    const auto share = ShareFolder::open(std::move(folder), "gone", record_of(1, 1, 1));
    ASSERT_FALSE(share);
    EXPECT_THAT(share.error().message(), HasSubstr("gone/intel-rapl"));
}

// What a reader in a guest sees in one call: 62 % of reads met an empty file where the file was
// truncated and written (Scaphandre #442).
TEST_F(Folder, NeverShowsAReaderAnEmptyTornOrDecreasingValue) {
    auto share = open(record_of(0, 0, 0));
    ASSERT_TRUE(share);
    std::atomic<bool> is_over = false;
    std::atomic<std::uint64_t> reads = 0;
    std::string mistake;
    std::thread reader([&] {
        const FileDescriptor file(
            ::open((root() / package_ / "energy_uj").c_str(), O_RDONLY | O_CLOEXEC));
        std::uint64_t last = 0;
        while (!is_over && mistake.empty()) {
            std::array<char, 64> text{};
            const ssize_t got = ::pread(file.get(), text.data(), text.size() - 1, 0);
            char* end = nullptr;
            const std::uint64_t value = std::strtoull(text.data(), &end, 0);
            if (got != 21 || end == text.data() || *end != '\n' || value < last) {
                mistake = "'" + std::string(text.data()) + "' after " + std::to_string(last);
            }
            last = value;
            ++reads;
        }
    });
    // The number of digits grows on the way, and the last one changes with each step.
    std::uint64_t energy = 0;
    for (std::uint64_t sequence = 1; sequence <= 20'000; ++sequence) {
        energy += 1 + energy / 1000;
        ASSERT_TRUE(write(*share, record_of(sequence, energy, 0)));
    }
    while (reads == 0) { // a busy machine may not have let the reader begin
        std::this_thread::yield();
    }
    is_over = true;
    reader.join();
    EXPECT_EQ(mistake, "");
    expect_whole(record_of(20'000, energy, 0));
}

} // namespace
} // namespace wattvisor::host
