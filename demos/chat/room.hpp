// The chat itself: a Room that everybody hears, and a ChatHandler for each person in it. Read this before chat.cpp.
//
// What a person sends is what they say, as plain text. What they hear is JSON, one object a message: `welcome` tells a
// newcomer the name that was given; `join`, `say` and `leave` tell everyone who, when and from where; `error` tells one
// person what was refused. The room must outlive its connections, which may belong to several loops. Any loop's thread.
#pragma once

#include <fmt/chrono.h>

#include <algorithm>
#include <ctime>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stepwise/ws/route.hpp>
#include <stepwise/ws/shared_broadcast.hpp>
#include <stepwise/ws/utf8.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace chat {

namespace http = stepwise::http;
namespace ws = stepwise::ws;

constexpr std::size_t members_max = 200;
constexpr std::size_t text_characters_max = 2000;
constexpr std::size_t name_characters_max = 32;

// Of valid UTF-8: the bytes that do not continue a character.
inline std::size_t count_characters(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0xC0) != 0x80; }));
}

inline bool is_blank(std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// Who is here, and what everyone is told about it, change together: that is what the mutex is for.
class Room {
public:
    // The name of the newcomer: the wanted one, with a number if someone has it already. Nothing: the room is full.
    std::optional<std::string> enter(ws::Connection& connection, const std::string& wanted) {
        std::lock_guard lock(mutex_);
        if (members_.size() >= members_max) return std::nullopt;
        std::string name = wanted;
        for (int number = 2; is_taken(name); ++number) name = fmt::format("{} {}", wanted, number);
        members_.push_back({&connection, name});
        everyone_.add(connection);
        const nlohmann::json welcome = {{"type", "welcome"}, {"name", name}, {"online", names()}};
        connection.write_message(welcome.dump());
        announce({{"type", "join"}, {"name", name}, {"online", names()}}, connection);
        return name;
    }

    void say(ws::Connection& connection, std::string_view name, std::string_view text) {
        announce({{"type", "say"}, {"name", name}, {"text", text}}, connection);
    }

    // Who leaves is no member any more when the others are told, so does not hear it.
    void leave(ws::Connection& connection, std::string_view name) {
        std::lock_guard lock(mutex_);
        std::erase_if(members_, [&](const Member& member) { return member.connection == &connection; });
        everyone_.remove(connection);
        announce({{"type", "leave"}, {"name", name}, {"online", names()}}, connection);
    }

private:
    struct Member {
        ws::Connection* connection;
        std::string name;
    };

    // Encoded once for everyone. Nobody waits for a slow reader, whose connection ends when too much waits for it.
    void announce(nlohmann::json message, const ws::Connection& from) {
        message["ip"] = from.remote_ip();
        message["time"] = fmt::format("{:%H:%M:%S}", fmt::localtime(std::time(nullptr)));
        everyone_.send(message.dump());
    }

    bool is_taken(const std::string& name) const {
        return std::any_of(members_.begin(), members_.end(), [&](const Member& one) { return one.name == name; });
    }

    std::vector<std::string> names() const {
        std::vector<std::string> all;
        for (const Member& member : members_) all.push_back(member.name);
        return all;
    }

    std::mutex mutex_;
    std::vector<Member> members_;  // in the order in which they came
    ws::SharedBroadcast everyone_;
};

// One connection's side: made for it, told of its messages, and gone with it.
class ChatHandler : public ws::WebSocketHandler {
public:
    explicit ChatHandler(Room& room) : room_(room) {}

    void open() {
        is_chinese_ = request().argument("lang").value_or("").starts_with("zh");
        name_ = room_.enter(connection(), wanted_name());
        if (name_) return;
        refuse("The room is full. Please try again later.", "聊天室已满，请稍后再来。");
        close(ws::CloseCode::try_again_later, "the room is full");
    }

    void on_message(ws::MessageView message) {
        if (!name_) return;
        if (!message.is_text) return refuse("Only text can be said here.", "这里只能发送文字。");
        if (is_blank(message.data)) return refuse("There is nothing in that message.", "消息是空的。");
        if (count_characters(message.data) > text_characters_max) {
            return refuse(fmt::format("A message has at most {} characters.", text_characters_max),
                          fmt::format("一条消息最多 {} 个字符。", text_characters_max));
        }
        room_.say(connection(), *name_, message.data);
    }

    void on_close() {
        if (name_) room_.leave(connection(), *name_);
    }

private:
    void refuse(std::string_view english, std::string_view chinese) {
        const nlohmann::json error = {{"type", "error"}, {"text", is_chinese_ ? chinese : english}};
        write_message(error.dump());
    }

    // What was asked for, made fit to be shown: one line, not too long, "guest" if nothing is left.
    std::string wanted_name() const {
        std::string name = request().argument("name").value_or("");
        if (!ws::is_valid_utf8(name)) name.clear();
        std::replace_if(
            name.begin(), name.end(), [](unsigned char byte) { return byte < ' ' || byte == 0x7F; }, ' ');
        std::size_t first = name.find_first_not_of(' ');
        if (first == std::string::npos) return is_chinese_ ? "访客" : "guest";
        name = name.substr(first, name.find_last_not_of(' ') + 1 - first);
        while (count_characters(name) > name_characters_max) name = ws::utf8_prefix(name, name.size() - 1);
        return name;
    }

    Room& room_;
    std::optional<std::string> name_;  // nothing: not let in
    bool is_chinese_ = false;
};

// The route of a room's connections. A message far beyond what may be said ends its connection (1009), as does a reader
// who lets a megabyte wait (1013).
inline std::shared_ptr<http::UpgradeHandler> route(Room& room) {
    ws::ConnectionOptions options;
    options.protocol.message_bytes_max = 16 * 1024;
    options.queued_bytes_max = 1024 * 1024;
    return ws::handler<ChatHandler>(options, std::ref(room));
}

}  // namespace chat
