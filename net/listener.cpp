#include <stepwise/net/listener.hpp>
#include <stepwise/runtime/planted.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace stepwise::net {

Listener::Listener(EventLoop& loop, UniqueFd socket, OnConnection on_connection)
    : Timer(&Listener::try_again), loop_(loop), socket_(std::move(socket)), on_connection_(std::move(on_connection)) {
    loop_.reactor().start_accepting(socket_.get(), *this);
    accepting_ = true;
}

void Listener::close() noexcept {
    if (!socket_) return;
    if (accepting_) loop_.reactor().stop_accepting(*this);
    accepting_ = false;
    loop_.remove_timer(*this);
    loop_.reactor().forget(socket_.get());
    socket_.reset();
}

void Listener::accepted(int socket) {
    shortage_reported_ = false;
    on_connection_(UniqueFd(socket));
}

void Listener::accept_failed(int error) {
    accepting_ = false;
    if (!std::exchange(shortage_reported_, true)) {
        std::fprintf(stderr, "stepwise: accept on %s: %s; trying again every 100 ms, raise the limit (ulimit -n)\n",
                     address().to_string().c_str(), std::strerror(error));
    }
    if (planted("accept_not_restarted") && error == ENOBUFS) return;
    loop_.add_timer(*this, loop_.time() + retry_interval);
}

void Listener::try_again(Timer& timer) noexcept {
    auto& self = static_cast<Listener&>(timer);
    try {
        self.loop_.reactor().start_accepting(self.socket_.get(), self);
        self.accepting_ = true;
    } catch (...) {
        self.loop_.call_exception_handler(std::current_exception(), "a listener that cannot start again");
    }
}

}  // namespace stepwise::net
