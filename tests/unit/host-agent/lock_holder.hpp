// SPDX-License-Identifier: Apache-2.0
// A real process that holds a lock on a file, as libvirt's helpers do on their pid files, until the
// end of the object.
#pragma once

#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace wattvisor::test {

class LockHolder {
public:
    explicit LockHolder(const std::filesystem::path& path) {
        int ready[2];
        if (::pipe2(ready, O_CLOEXEC) != 0) {
            throw std::runtime_error("no pipe");
        }
        pid_ = ::fork();
        if (pid_ == 0) {
            const int fd = ::open(path.c_str(), O_RDWR);
            struct flock lock {};
            lock.l_type = F_WRLCK;
            lock.l_whence = SEEK_SET;
            lock.l_len = 1; // as virFileLock() does
            if (::fcntl(fd, F_SETLK, &lock) == 0 && ::write(ready[1], "x", 1) == 1) {
                ::pause();
            }
            ::_exit(1);
        }
        ::close(ready[1]);
        char answer = 0;
        const bool is_locked = ::read(ready[0], &answer, 1) == 1;
        ::close(ready[0]);
        if (!is_locked) {
            end();
            throw std::runtime_error("cannot lock " + path.string());
        }
    }
    LockHolder(const LockHolder&) = delete;
    LockHolder& operator=(const LockHolder&) = delete;
    ~LockHolder() { end(); }

    [[nodiscard]] pid_t pid() const { return pid_; }

private:
    void end() const {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    pid_t pid_ = -1;
};

} // namespace wattvisor::test
