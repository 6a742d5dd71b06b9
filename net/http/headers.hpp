// The header fields of a message that is to be sent: an ordered list of names and values that it owns, names without
// regard to case. What goes in is checked, so that no application can be tricked into splitting a message or into two
// framings: a name that is no token, a control character in a value, or a field that the writers make themselves
// (Connection, Content-Length, Date, Keep-Alive, Transfer-Encoding) throws std::invalid_argument.
//
//     response.headers.set("Cache-Control", "no-store").add("Set-Cookie", "a=1").add("Set-Cookie", "b=2");
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stepwise::http {

class Headers {
public:
    using Field = std::pair<std::string, std::string>;

    // One more field, also if there is one of that name (Set-Cookie). A reference to itself, for a chain of calls.
    Headers& add(std::string_view name, std::string_view value);
    // The only field of that name from now on.
    Headers& set(std::string_view name, std::string_view value);
    // How many there were.
    std::size_t erase(std::string_view name);
    void clear() { fields_.clear(); }

    // The value of the first field of that name, until the next change.
    std::optional<std::string_view> find(std::string_view name) const;
    bool contains(std::string_view name) const { return find(name).has_value(); }
    std::size_t size() const { return fields_.size(); }
    bool empty() const { return fields_.empty(); }
    // As field lines, with ": " and CRLF.
    std::size_t written_bytes() const;
    std::vector<Field>::const_iterator begin() const { return fields_.begin(); }
    std::vector<Field>::const_iterator end() const { return fields_.end(); }

private:
    std::vector<Field> fields_;
};

}  // namespace stepwise::http
