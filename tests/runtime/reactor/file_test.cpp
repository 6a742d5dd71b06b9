#include <stepwise/tests/runtime/reactor/contract.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

using namespace contract;

namespace {

UniqueFd temporary_file(std::string_view content) {
    const std::string path = "/tmp/stepwise-contract-" + std::to_string(::getpid());
    UniqueFd file(calls::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    REQUIRE(file);
    calls::unlink(path.c_str());
    REQUIRE(calls::send(file.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
    REQUIRE(calls::lseek(file.get(), 0, SEEK_SET) == 0);
    return file;
}

}  // namespace

TEST_CASE_TEMPLATE("a file is read at an offset, up to its end and past it", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    UniqueFd file = temporary_file("0123456789");
    char buffer[8] = {};
    Counted operation;
    operation.prepare_read(file.get(), buffer, 4, 3);
    CHECK(world.result_of(operation) == 4);
    CHECK(std::string(buffer) == "3456");
    operation.prepare_read(file.get(), buffer, 8, 8);
    CHECK(world.result_of(operation) == 2);
    operation.prepare_read(file.get(), buffer, 8, 10);
    CHECK(world.result_of(operation) == 0);
    operation.prepare_read(file.get(), buffer, 8, 1'000'000);
    CHECK(world.result_of(operation) == 0);
    CHECK(calls::lseek(file.get(), 0, SEEK_CUR) == 0);
    world.close(file);
}

TEST_CASE_TEMPLATE("a file is read and written at the current position, which moves", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    UniqueFd file = temporary_file("abcdef");
    char buffer[8] = {};
    Counted operation;
    operation.prepare_read(file.get(), buffer, 2, Operation::current_offset);
    CHECK(world.result_of(operation) == 2);
    operation.prepare_write(file.get(), "XY", 2, Operation::current_offset);
    CHECK(world.result_of(operation) == 2);
    operation.prepare_read(file.get(), buffer, 8, Operation::current_offset);
    CHECK(world.result_of(operation) == 2);
    CHECK(std::string(buffer) == "ef");
    CHECK(calls::lseek(file.get(), 0, SEEK_CUR) == 6);
    operation.prepare_read(file.get(), buffer, 8, 0);
    CHECK(world.result_of(operation) == 6);
    CHECK(std::string(buffer) == "abXYef");
    world.close(file);
}

TEST_CASE_TEMPLATE("a file is written at an offset, with a hole before it if need be", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    UniqueFd file = temporary_file("");
    Counted operation;
    operation.prepare_write(file.get(), "end", 3, 5);
    CHECK(world.result_of(operation) == 3);
    char buffer[16];
    operation.prepare_read(file.get(), buffer, sizeof buffer, 0);
    REQUIRE(world.result_of(operation) == 8);
    CHECK(std::string(buffer, 8) == std::string("\0\0\0\0\0end", 8));
    world.close(file);
}

TEST_CASE_TEMPLATE("a file that may not be written is EBADF", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    UniqueFd file(calls::open("/proc/self/exe", O_RDONLY | O_CLOEXEC, 0));
    Counted operation;
    operation.prepare_write(file.get(), "x", 1, Operation::current_offset);
    CHECK(world.result_of(operation) == -EBADF);
    world.close(file);
}

TEST_CASE_TEMPLATE("many file operations at once each get their own bytes", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    std::string content = pattern(64 * 1024);
    UniqueFd file = temporary_file(content);
    constexpr std::size_t count = 16;
    constexpr std::size_t share = 4096;
    std::vector<Counted> operations(count);
    std::string read(count * share, '\0');
    for (std::size_t index = 0; index < count; ++index) {
        operations[index].prepare_read(file.get(), &read[index * share], share,
                                       static_cast<std::int64_t>(index * share));
        world.start(operations[index]);
    }
    CHECK(world.until([&] { return std::ranges::none_of(operations, &Operation::pending); }));
    CHECK((read == content));
    world.close(file);
}

TEST_CASE_TEMPLATE("a file operation can be cancelled or abandoned and is whole or not begun", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    UniqueFd file = temporary_file(pattern(4096));
    std::string buffer(4096, 'x');
    Counted operation;
    operation.prepare_read(file.get(), buffer.data(), buffer.size(), 0);
    world.start(operation);
    world.reactor().cancel(operation);
    CHECK(world.until([&] { return operation.completions != 0; }));
    CHECK((operation.result == 4096 || operation.result == -ECANCELED));

    Counted abandoned;
    abandoned.prepare_read(file.get(), buffer.data(), buffer.size(), 0);
    world.start(abandoned);
    int completions = abandoned.completions;
    world.reactor().abandon(abandoned);
    CHECK(!abandoned.pending());
    buffer.assign(4096, 'y');
    for (int count = 0; count < 3; ++count) world.poll();
    CHECK(buffer == std::string(4096, 'y'));
    CHECK(abandoned.completions == completions);
    world.close(file);
}
