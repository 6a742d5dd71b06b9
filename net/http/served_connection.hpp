// What a server knows of any of its connections, HTTP or what it became: how to end it and when to look at its
// deadlines.
//
// A connection belongs to itself. It is in its server's list from its constructor until leave_server(), at the latest
// its destructor; afterwards it may outlive the server, until whoever serves it has returned. The loop's thread.
#pragma once

namespace stepwise::http {

class Server;

class ServedConnection {
public:
    ServedConnection(const ServedConnection&) = delete;
    ServedConnection& operator=(const ServedConnection&) = delete;

    // Finish what is in flight, take on nothing new, then end. The object may end within this call, as in the others.
    virtual void go_away() = 0;
    // End the connection now and leave the server, which may be ending, too.
    virtual void abort() noexcept = 0;
    // Once a second: look at deadlines.
    virtual void sweep(int tick) = 0;

    // Not after leave_server().
    Server& server() const noexcept { return *server_; }

protected:
    explicit ServedConnection(Server& server) noexcept;
    virtual ~ServedConnection() { leave_server(); }
    void leave_server() noexcept;

private:
    friend class Server;
    Server* server_;
    ServedConnection* next_ = nullptr;
    ServedConnection** from_ = nullptr;
};

}  // namespace stepwise::http
