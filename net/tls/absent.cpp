// What a build without OpenSSL's libssl has instead of contexts and sessions: a clear refusal.
#include <stepwise/net/tls/session.hpp>

#include <stdexcept>

namespace stepwise::tls {

namespace {

[[noreturn]] void say_what_is_missing() {
    throw std::runtime_error("this Stepwise was built without TLS: install libssl-dev, and build it again");
}

}  // namespace

std::shared_ptr<const Context> Context::for_server(const ServerOptions&) {
    say_what_is_missing();
}
std::shared_ptr<const Context> Context::for_client(const ClientOptions&) {
    say_what_is_missing();
}
std::shared_ptr<const Context> Context::default_client() {
    say_what_is_missing();
}
Context::~Context() = default;

// Nobody has a context to make a session of.
Session::Session(std::shared_ptr<const Context>, std::string_view) {
    say_what_is_missing();
}
Session::~Session() = default;
void Session::start(Output&) {}
void Session::receive_eof() {}
std::size_t Session::read(std::span<char>) {
    return 0;
}
void Session::write(std::string_view) {}
void Session::close() {}
void Session::fail(Failure) {}
std::string_view Session::version() const noexcept {
    return {};
}
std::string_view Session::cipher() const noexcept {
    return {};
}
std::string_view Session::protocol() const noexcept {
    return {};
}

}  // namespace stepwise::tls
