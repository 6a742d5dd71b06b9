// What a context says of files that it cannot use.
#include <stepwise/tests/net/tls/certificates.hpp>

#include <doctest/doctest.h>

#include <fstream>

using namespace stepwise;
using namespace tls_test;

TEST_CASE("files that cannot be used are named with the reason") {
    Authority authority;
    const Identity good = authority.issue();
    const Identity other = authority.issue();
    Folder folder;
    const std::string garbage = folder.file("garbage.pem");
    std::ofstream(garbage) << "no certificate\n";
    const auto refusal_of = [](const std::string& certificate, const std::string& key) -> std::string {
        try {
            static_cast<void>(tls::Context::for_server({certificate, key}));
            return "";
        } catch (const std::runtime_error& error) {
            return error.what();
        }
    };
    CHECK(refusal_of(good.certificate_file, good.key_file) == "");
    CHECK(refusal_of("/nowhere.pem", good.key_file).starts_with("cannot use the certificate '/nowhere.pem': "));
    CHECK(refusal_of(garbage, good.key_file).starts_with("cannot use the certificate '" + garbage + "': "));
    CHECK(refusal_of(good.certificate_file, garbage).starts_with("cannot use the key '" + garbage + "' for the "));
    CHECK(refusal_of(good.certificate_file, other.key_file) == "cannot use the key '" + other.key_file +
                                                                   "' for the certificate '" + good.certificate_file +
                                                                   "': key values mismatch");
    CHECK_THROWS_AS(static_cast<void>(tls::Context::for_client({.authorities_file = garbage})), std::runtime_error);
    CHECK_THROWS_AS(static_cast<void>(tls::Context::for_client({.protocols = {""}})), std::invalid_argument);
}

TEST_CASE("a key with a passphrase is refused, and nobody is asked for it") {
    Folder folder;
    Authority authority;
    const Identity good = authority.issue();
    const std::string file = folder.file("locked.key");
    Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
    std::FILE* out = std::fopen(file.c_str(), "w");
    char passphrase[] = "secret";
    PEM_write_PrivateKey(out, key.get(), EVP_aes_128_cbc(), nullptr, 0, nullptr, passphrase);
    std::fclose(out);
    CHECK_THROWS_AS(static_cast<void>(tls::Context::for_server({good.certificate_file, file})), std::runtime_error);
}
