#include <fmt/format.h>
#include <stepwise/ws/close_code.hpp>
#include <stepwise/ws/shared_broadcast.hpp>
#include <stepwise/ws/topics.hpp>

#include <algorithm>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace stepwise::ws {

struct Topics::Topic {
    Topic(std::string_view of, std::size_t waiting_bytes_max) : name(of), members(waiting_bytes_max) {}

    const std::string name;
    SharedBroadcast members;
    std::size_t subscriptions = 0;  // under the mutex; those that are about to become members, too
};

struct Topics::Shared {
    explicit Shared(const TopicsOptions& of) : options(of) {}

    std::shared_ptr<Topic> find(std::string_view name) {
        std::lock_guard lock(mutex);
        const auto found = topics.find(name);
        return found == topics.end() ? nullptr : found->second;
    }
    // One that is there, or a new one, which stays until release().
    std::shared_ptr<Topic> acquire(std::string_view name) {
        std::lock_guard lock(mutex);
        auto found = topics.find(name);
        if (found == topics.end()) {
            auto topic = std::make_shared<Topic>(name, options.waiting_bytes_max);
            found = topics.emplace(topic->name, topic).first;
        }
        ++found->second->subscriptions;
        return found->second;
    }
    void release(const Topic& topic) noexcept {
        std::lock_guard lock(mutex);
        if (topic.subscriptions == 1) {
            topics.erase(topic.name);
        } else {
            --topics.find(topic.name)->second->subscriptions;
        }
    }

    const TopicsOptions options;
    std::mutex mutex;  // of the map; a topic's messages have their own
    std::unordered_map<std::string_view, std::shared_ptr<Topic>> topics;  // by their own names
};

struct Topics::Subscription {
    std::shared_ptr<Shared> of;
    std::shared_ptr<Topic> topic;

    void end(Connection& connection) const noexcept {
        topic->members.remove(connection);
        of->release(*topic);
    }
};

// Who is subscribed to what. Not in the connection: most have none. Of all threads: a loop may end on another one than
// it ran on. The subscriptions of one connection are touched by whoever runs its loop alone.
struct Topics::Table {
    using Subscriptions = std::vector<Subscription>;

    // Never destroyed: a loop may be static, too.
    static Table& of_all() {
        static Table& table = *new Table;
        return table;
    }
    Subscriptions& make(const Connection& connection) {
        std::lock_guard lock(mutex);
        return subscriptions[&connection];
    }
    Subscriptions* find(const Connection& connection) {
        std::lock_guard lock(mutex);
        const auto found = subscriptions.find(&connection);
        return found == subscriptions.end() ? nullptr : &found->second;
    }
    auto take(const Connection& connection) noexcept {
        std::lock_guard lock(mutex);
        return subscriptions.extract(&connection);
    }

    std::mutex mutex;  // of the map
    std::unordered_map<const Connection*, Subscriptions> subscriptions;
};

namespace {

net::ProtocolError too_much(std::string_view what, std::size_t limit, std::string_view option) {
    return {static_cast<int>(CloseCode::policy_violation), "RFC 6455 §7.4.1",
            fmt::format("{}: {} at most (TopicsOptions::{})", what, limit, option)};
}

}  // namespace

Topics::Topics(const TopicsOptions& options) : shared_(std::make_shared<Shared>(options)) {}

std::optional<net::ProtocolError> Topics::subscribe(Connection& connection, std::string_view topic) {
    connection.loop().check_thread("ws::Topics::subscribe");
    check_takes_shared(connection, "ws::Topics::subscribe");
    if (!connection.is_open()) return std::nullopt;
    const TopicsOptions& limits = shared_->options;
    if (topic.size() > limits.name_bytes_max) {
        return too_much(fmt::format("a topic's name of {} bytes", topic.size()), limits.name_bytes_max,
                        "name_bytes_max");
    }
    Table::Subscriptions& subscriptions = Table::of_all().make(connection);
    connection.has_topics_ = true;
    std::size_t count = 0;
    for (const Subscription& one : subscriptions) {
        if (one.of != shared_) continue;
        if (one.topic->name == topic) return std::nullopt;
        ++count;
    }
    if (count >= limits.topics_per_connection_max) {
        return too_much("too many topics on one connection", limits.topics_per_connection_max,
                        "topics_per_connection_max");
    }
    subscriptions.reserve(subscriptions.size() + 1);  // what was acquired must find its place
    Subscription added{shared_, shared_->acquire(topic)};
    try {
        added.topic->members.add(connection);
    } catch (...) {
        shared_->release(*added.topic);
        throw;
    }
    subscriptions.push_back(std::move(added));
    return std::nullopt;
}

bool Topics::unsubscribe(Connection& connection, std::string_view topic) {
    connection.loop().check_thread("ws::Topics::unsubscribe");
    Table::Subscriptions* found = Table::of_all().find(connection);
    if (found == nullptr) return false;
    Table::Subscriptions& subscriptions = *found;
    const auto one = std::find_if(subscriptions.begin(), subscriptions.end(), [&](const Subscription& subscription) {
        return subscription.of == shared_ && subscription.topic->name == topic;
    });
    if (one == subscriptions.end()) return false;
    one->end(connection);
    std::swap(*one, subscriptions.back());
    subscriptions.pop_back();
    return true;
}

void Topics::end_subscriptions(Connection& connection) noexcept {
    const auto taken = Table::of_all().take(connection);
    if (taken.empty()) return;
    for (const Subscription& one : taken.mapped()) one.end(connection);
}

std::size_t Topics::publish(std::string_view topic, std::string_view text, const Connection* except) {
    const std::shared_ptr<Topic> found = shared_->find(topic);
    return found == nullptr ? 0 : found->members.send(text, except);
}

std::size_t Topics::publish_binary(std::string_view topic, std::string_view bytes, const Connection* except) {
    const std::shared_ptr<Topic> found = shared_->find(topic);
    return found == nullptr ? 0 : found->members.send_binary(bytes, except);
}

std::size_t Topics::size() const {
    std::lock_guard lock(shared_->mutex);
    return shared_->topics.size();
}

std::size_t Topics::subscribers(std::string_view topic) const {
    const std::shared_ptr<Topic> found = shared_->find(topic);
    return found == nullptr ? 0 : found->members.size();
}

}  // namespace stepwise::ws
