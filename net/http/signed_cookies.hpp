// Cookies that nobody but the server can make: the value, when it was signed, and an HMAC-SHA256 of both and of the
// cookie's name (RFC 2104). Signed, not secret: whoever has the cookie can read the value.
//
//     http::CookieSigner signer({key_of_this_year, key_of_last_year});
//     std::string text = signer.sign("user", "ada", now);
//     std::optional<std::string> user = signer.verify("user", text, std::chrono::hours(24), now);
//
// The first key signs, all of them verify: a new key is put in front, and the old one taken out when what it has signed
// has expired. Any bytes may be a value. Thread-safe once made. `now` is the caller's, so that a test has its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::http {

class CookieSigner {
public:
    using Time = std::chrono::sys_seconds;

    // A shorter one could be guessed: what 16 bytes of /dev/urandom give is the least.
    static constexpr std::size_t key_bytes_min = 16;
    // How far in the future a signature may be: clocks of two machines differ.
    static constexpr std::chrono::seconds clock_difference_max{300};

    // Throws std::invalid_argument without a key, or for one that is shorter than key_bytes_min.
    explicit CookieSigner(std::vector<std::string> keys);

    // The text of the cookie `name`, in characters that a cookie may have.
    std::string sign(std::string_view name, std::string_view value, Time now) const;
    // The value; nothing for a text that was not signed by one of the keys for that very name, is older than `age_max`
    // or younger than `now` allows. Takes the same time whatever bytes of a signature are wrong.
    std::optional<std::string> verify(std::string_view name, std::string_view text, std::chrono::seconds age_max,
                                      Time now) const;

private:
    std::vector<std::string> keys_;
};

}  // namespace stepwise::http
