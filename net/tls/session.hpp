// One TLS connection without its socket: bytes of the wire in and out, plain bytes out and in.
//
//     tls::Session session(context, host);  // a server's context: no host
//     session.start(output);                // a client says hello into it
//     session.receive_data(bytes_of_the_wire);
//     std::array<char, tls::Session::record_bytes_max> plain;
//     while (std::size_t count = session.read(plain)) take(plain.data(), count);
//     if (session.is_established()) session.write("hello");
//
// What a peer sends never throws: `error()` has it, and what the session had to say about it is in the output, as are
// answers to what was read. It holds one record of input that is not complete, and nothing for an idle connection. It
// knows no time and no socket. One thread at a time; the Output belongs to the caller and outlives its use.
#pragma once

#include <stepwise/net/tls/context.hpp>
#include <stepwise/net/tls/error.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct ssl_st;  // OpenSSL's

namespace stepwise::tls {

class Session {
public:
    static constexpr std::size_t record_bytes_max = 16 * 1024;  // of plain bytes (RFC 8446 §5.1)

    // Where bytes for the wire go, in order; called from within start, read, write and close.
    class Output {
    public:
        virtual void send_to_wire(std::string_view bytes) = 0;

    protected:
        ~Output() = default;
    };

    // `host`, a name or a number, is whose certificate a client wants, and which it asks the server for (SNI, not for
    // numbers). Throws std::invalid_argument for a host that can be in no certificate, and for a client without one.
    Session(std::shared_ptr<const Context> context, std::string_view host);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session();

    // Once. Or again with the output of a new owner.
    void start(Output& output);

    // A view until read() has returned 0, or drop_input() was called; nothing else may come before.
    void receive_data(std::string_view from_wire) noexcept { input_ = from_wire; }
    void drop_input() noexcept { input_ = {}; }
    // The wire has ended. That is an error, unless the peer had said so by close_notify.
    void receive_eof();
    // Plain bytes; 0: more input is needed, or the peer has ended, or there is an error.
    std::size_t read(std::span<char> plain);

    // All of them go to the output. Only while established, and before close().
    void write(std::string_view plain);
    // close_notify: our side ends. Nothing before the connection is established.
    void close();
    // The error is somebody else's finding: of a deadline, of a limit.
    void fail(Failure failure);

    bool is_established() const noexcept { return established_; }
    bool has_ended() const noexcept { return ended_; }  // the peer's close_notify was read
    bool is_closed() const noexcept { return closed_; }
    const std::optional<Error>& error() const noexcept { return error_; }

    // Once established: "TLSv1.3"; "TLS_AES_256_GCM_SHA384"; the protocol of ALPN, or nothing.
    std::string_view version() const noexcept;
    std::string_view cipher() const noexcept;
    std::string_view protocol() const noexcept;

private:
    struct Wire;

    void fail_as_told(int outcome);
    void set_error(Failure failure, std::string_view detail);

    std::shared_ptr<const Context> context_;
    ssl_st* ssl_ = nullptr;
    Output* output_ = nullptr;
    std::string_view input_;
    std::string host_;
    std::optional<Error> error_;
    bool out_of_memory_ = false;  // the output was
    bool established_ = false;
    bool ended_ = false;
    bool closed_ = false;
};

}  // namespace stepwise::tls
