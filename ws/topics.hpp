// Topics: what is published under a name goes to the connections that subscribed to it, on whichever loop they are.
//
//     std::optional<net::ProtocolError> refused = topics.subscribe(connection, "news/sport");
//     std::size_t subscribers = topics.publish("news/sport", "one to nil");
//     topics.unsubscribe(connection, "news/sport");
//
// Each topic is a SharedBroadcast: encoded once, one order for all (between topics there is none), nobody waits for
// anybody. A subscription ends with its connection, before on_close is called; a topic is there while somebody is
// subscribed to it. subscribe and unsubscribe: on the connection's loop, elsewhere std::logic_error. The rest: any
// thread.
#pragma once

#include <stepwise/net/protocol_error.hpp>
#include <stepwise/ws/connection.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

namespace stepwise::ws {

struct TopicsOptions {
    std::size_t topics_per_connection_max = 100;
    std::size_t name_bytes_max = 256;
    // Of each topic, for each loop: see SharedBroadcast.
    std::size_t waiting_bytes_max = 8 * 1024 * 1024;
};

class Topics {
public:
    explicit Topics(const TopicsOptions& options = {});
    Topics(const Topics&) = delete;
    Topics& operator=(const Topics&) = delete;

    // Nothing: it is subscribed, now or before; or it is closed. An error (1008) names the limit that was reached:
    // names come from peers. What throws has changed nothing: std::logic_error for a client's connection (see
    // Broadcast), std::bad_alloc.
    [[nodiscard]] std::optional<net::ProtocolError> subscribe(Connection& connection, std::string_view topic);
    // False if it was not subscribed.
    bool unsubscribe(Connection& connection, std::string_view topic);

    // To every subscriber that is open. `except`, of the loop that runs here, is left out. Returns how many subscribers
    // it is for.
    std::size_t publish(std::string_view topic, std::string_view text, const Connection* except = nullptr);
    std::size_t publish_binary(std::string_view topic, std::string_view bytes, const Connection* except = nullptr);

    // How many topics there are, and how many connections are subscribed to one.
    std::size_t size() const;
    std::size_t subscribers(std::string_view topic) const;

private:
    friend class Connection;
    struct Topic;
    struct Shared;
    struct Subscription;
    struct Table;

    // Of a connection that ends.
    static void end_subscriptions(Connection& connection) noexcept;

    std::shared_ptr<Shared> shared_;  // with its subscriptions
};

}  // namespace stepwise::ws
