// add_reader and add_writer: callbacks on a descriptor that a foreign library reads and writes itself.
//
// Each watcher is one poll operation, armed again after each call, so that a callback which leaves data behind is
// called again: level-triggered, as such libraries expect. The loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

namespace stepwise {

class EventLoop;

class FdWatchers {
public:
    enum class Direction { read, write };

    explicit FdWatchers(EventLoop& loop) noexcept;
    FdWatchers(const FdWatchers&) = delete;
    FdWatchers& operator=(const FdWatchers&) = delete;
    ~FdWatchers();

    // Throws std::system_error when the descriptor cannot be polled.
    void add(int fd, Direction direction, std::function<void()> callback);
    // False if there was none.
    bool remove(int fd, Direction direction) noexcept;
    // Removes all. False if there was none.
    bool clear() noexcept;

private:
    class Watcher;
    using Map = std::unordered_map<int, std::unique_ptr<Watcher>>;

    Map& watchers(Direction direction) noexcept { return direction == Direction::read ? readers_ : writers_; }

    EventLoop& loop_;
    Map readers_;
    Map writers_;
};

}  // namespace stepwise
