// SPDX-License-Identifier: Apache-2.0
// Texts of /proc/PID/cgroup as the runtimes' and systemd's versions really make them.
#include "common/containers/process_place.hpp"

#include <gtest/gtest.h>

#include <string>

namespace wattvisor {
namespace {

const std::string kId = "8f14e45fceea167a5a36dedd4bea2543f1b2c3d4e5f60718293a4b5c6d7e8f90";
const std::string kOther = "0000000000000000000000000000000000000000000000000000000000000001";
const std::string kPod = "0f5c7a9e-1b2d-4c3e-8f90-a1b2c3d4e5f6";
const std::string kPodInSlice = "0f5c7a9e_1b2d_4c3e_8f90_a1b2c3d4e5f6";

ProcessPlace v2(const std::string& path) {
    return parse_process_place("0::" + path + "\n");
}

void expect_container(const ProcessPlace& place, const ContainerPlace& expected) {
    ASSERT_TRUE(place.container);
    EXPECT_EQ(place.container->id, expected.id);
    EXPECT_EQ(place.container->runtime, expected.runtime);
    EXPECT_EQ(place.container->scheduler, expected.scheduler);
    EXPECT_EQ(place.container->pod_uid, expected.pod_uid);
    EXPECT_EQ(place.container->owner, expected.owner);
}

TEST(ProcessPlace, KnowsContainersOfDocker) {
    const ContainerPlace docker{kId, "docker", "docker", "", ""};
    expect_container(v2("/system.slice/docker-" + kId + ".scope"), docker);
    expect_container(v2("/docker/" + kId), docker);
    expect_container(parse_process_place("12:cpuset:/docker/" + kId + "\n4:cpu,cpuacct:/docker/" +
                                         kId + "\n1:name=systemd:/docker/" + kId + "\n0::/\n"),
                     docker);
    // What runc makes of systemd's name where it manages groups by itself.
    expect_container(v2("/system.slice:docker:" + kId), docker);
}

TEST(ProcessPlace, KnowsContainersOfPodmanNerdctlAndContainerd) {
    expect_container(v2("/machine.slice/libpod-" + kId + ".scope"), {kId, "podman", "", "", ""});
    expect_container(v2("/machine.slice/libpod-" + kId + ".scope/container"),
                     {kId, "podman", "", "", ""});
    expect_container(v2("/libpod_parent/libpod-" + kId), {kId, "podman", "", "", ""});
    expect_container(v2("/system.slice/nerdctl-" + kId + ".scope"),
                     {kId, "containerd", "", "", ""});
    expect_container(v2("/default/" + kId), {kId, "containerd", "", "", ""});
    EXPECT_FALSE(v2("/machine.slice/libpod-conmon-" + kId + ".scope").container) << "its monitor";
    EXPECT_FALSE(v2("/machine.slice/libpod_pod_" + kId + ".slice").container) << "a pod";
}

TEST(ProcessPlace, KnowsPodsOfKubernetes) {
    const std::string slice =
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kPodInSlice + ".slice/";
    expect_container(v2(slice + "cri-containerd-" + kId + ".scope"),
                     {kId, "containerd", "kubernetes", kPod, ""});
    expect_container(v2(slice + "crio-" + kId + ".scope"), {kId, "cri-o", "kubernetes", kPod, ""});
    expect_container(v2(slice + "docker-" + kId + ".scope"),
                     {kId, "docker", "kubernetes", kPod, ""});
    EXPECT_FALSE(v2(slice + "crio-conmon-" + kId + ".scope").container);
    // cgroupfs, guaranteed and best effort; there the runtime is not told.
    expect_container(v2("/kubepods/pod" + kPod + "/" + kId), {kId, "", "kubernetes", kPod, ""});
    expect_container(v2("/kubepods/besteffort/pod" + kPod + "/crio-" + kId),
                     {kId, "cri-o", "kubernetes", kPod, ""});
    // kind: a node that is a container. The machine's own runtime knows the outer one.
    expect_container(v2("/docker/" + kOther +
                        "/kubelet.slice/kubelet-kubepods.slice/"
                        "kubelet-kubepods-pod" +
                        kPodInSlice + ".slice/cri-containerd-" + kId + ".scope"),
                     {kOther, "docker", "docker", "", ""});
    expect_container(v2("/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + kPodInSlice +
                        ".slice/cri-containerd-" + kId + ".scope"),
                     {kId, "containerd", "kubernetes", kPod, ""});
}

// Whose groups are shown from below another's namespace.
TEST(ProcessPlace, ReadsPathsOfAnotherNamespace) {
    expect_container(v2("/../../docker/" + kId), {kId, "docker", "docker", "", ""});
    expect_container(v2("/system.slice/docker-" + kId + ".scope (deleted)"),
                     {kId, "docker", "docker", "", ""});
}

TEST(ProcessPlace, KnowsSystemdUnits) {
    EXPECT_EQ(v2("/system.slice/nginx.service").systemd_unit, "nginx.service");
    EXPECT_EQ(v2("/system.slice/system-getty.slice/getty@tty1.service").systemd_unit,
              "getty@tty1.service");
    EXPECT_EQ(v2("/init.scope").systemd_unit, "init.scope");
    EXPECT_EQ(v2("/user.slice/user-1000.slice/session-3.scope").systemd_unit, "session-3.scope");
    EXPECT_EQ(v2("/system.slice/docker.service").systemd_unit, "docker.service");
    // Groups that a service makes for itself are the service's.
    EXPECT_EQ(v2("/system.slice/postgresql.service/worker").systemd_unit, "postgresql.service");
    EXPECT_EQ(v2("/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/emulator").systemd_unit,
              "machine-qemu\\x2d1\\x2dweb.scope");
    EXPECT_EQ(v2("/system.slice/_cgroup.service").systemd_unit, "cgroup.service")
        << "systemd's mark before a name that the kernel could take for its own";
    EXPECT_EQ(v2("/").systemd_unit, "");
    EXPECT_EQ(v2("/system.slice").systemd_unit, "");
}

TEST(ProcessPlace, NamesUnitsOfUsersWithTheirManager) {
    EXPECT_EQ(v2("/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service")
                  .systemd_unit,
              "user@1000.service/syncthing.service");
    EXPECT_EQ(v2("/user.slice/user-1000.slice/user@1000.service/app.slice/"
                 "app-org.gnome.Terminal.slice/vte-spawn-1.scope")
                  .systemd_unit,
              "user@1000.service/vte-spawn-1.scope");
    EXPECT_EQ(v2("/user.slice/user-1000.slice/user@1000.service/init.scope").systemd_unit,
              "user@1000.service/init.scope");
    EXPECT_EQ(v2("/user.slice/user-1000.slice/user@1000.service").systemd_unit,
              "user@1000.service");
}

TEST(ProcessPlace, AsksSystemdsOwnHierarchyOfV1First) {
    EXPECT_EQ(parse_process_place("5:cpu,cpuacct:/\n1:name=systemd:/system.slice/ssh.service\n"
                                  "0::/system.slice/other.service\n")
                  .systemd_unit,
              "ssh.service");
    EXPECT_EQ(parse_process_place("5:cpu,cpuacct:/system.slice/ssh.service\n").systemd_unit, "");
}

// The container's metrics tell of it; as a unit it would be a second name for the same.
TEST(ProcessPlace, TakesAContainersScopeForNoUnit) {
    EXPECT_EQ(v2("/system.slice/docker-" + kId + ".scope").systemd_unit, "");
    EXPECT_EQ(v2("/system.slice/docker-" + kId + ".scope/system.slice/nginx.service").systemd_unit,
              "")
        << "a unit of the systemd inside";
}

// Anybody may make groups below his own service: what he calls them is no container of the system,
// or he would charge what he uses to a container of somebody else.
TEST(ProcessPlace, KeepsAContainerOfAUserApartFromTheSystems) {
    const std::string mine = "/user.slice/user-1000.slice/user@1000.service/";
    const ProcessPlace rootless = v2(mine + "user.slice/libpod-" + kId + ".scope/container");
    expect_container(rootless, {kId, "podman", "", "", "user@1000.service"});
    EXPECT_EQ(rootless.systemd_unit, "user@1000.service/libpod-" + kId + ".scope");
    expect_container(
        v2(mine + "kubepods-pod" + kPodInSlice + ".slice/cri-containerd-" + kId + ".scope"),
        {kId, "containerd", "", "", "user@1000.service"});
    // A quadlet: Podman below the service that systemd made for it.
    expect_container(v2("/system.slice/web.service/libpod-payload-" + kId),
                     {kId, "podman", "", "", "web.service"});
}

TEST(ProcessPlace, TakesAnyText) {
    for (const std::string& text :
         {std::string(), std::string("\n\n"), std::string("0::"), std::string(":::::"),
          std::string("0::/\0/x", 7), "0::/docker/" + kId.substr(1), "0::/docker/" + kId + "0",
          std::string("0::/docker/") + std::string(64, 'g'),
          std::string("0::/") + std::string(9999, '/'),
          std::string("0::/") + std::string(300, 'x') + ".service"}) {
        const ProcessPlace place = parse_process_place(text);
        EXPECT_FALSE(place.container) << text;
        EXPECT_EQ(place.systemd_unit, "") << text;
    }
    std::string deep = "0::";
    for (int i = 0; i < 5000; ++i) {
        deep += "/a";
    }
    EXPECT_FALSE(parse_process_place(deep + "/docker/" + kId).container) << "too deep to be one";
}

} // namespace
} // namespace wattvisor
