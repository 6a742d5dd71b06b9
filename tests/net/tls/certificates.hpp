// What the tests of TLS share: an authority of their own and the certificates that it signs, as files in a folder that
// ends with them. OpenSSL makes them; nothing is secret and nothing lasts.
#pragma once

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stepwise/net/tls/context.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace tls_test {

class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "stepwise_tls_XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
        path_ = name;
    }
    Folder(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path_); }

    std::string file(const std::string& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

constexpr long hour = 60 * 60;
constexpr long day = 24 * hour;

struct Wanted {
    std::string names = "DNS:localhost,IP:127.0.0.1";  // as in a file of openssl's; empty: none
    long begins = -hour;                               // seconds from now
    long ends = day;
    std::string subject = "server";  // its common name
};

// Files in PEM.
struct Identity {
    std::string certificate_file;
    std::string key_file;
};

class Authority {
public:
    explicit Authority(const std::string& name = "authority")
        : name_(name), key_(new_key()), certificate_(make(name, key_.get(), {.names = ""}, nullptr, key_.get())) {
        write(*certificate_, file());
    }

    // The certificate of whom a client must trust.
    std::string file() const { return folder_.file(name_ + ".pem"); }

    Identity issue(const Wanted& wanted = {}) { return identity(wanted, certificate_.get(), key_.get()); }
    // Signed by nobody else.
    Identity issue_self_signed(const Wanted& wanted = {}) { return identity(wanted, nullptr, nullptr); }

    std::shared_ptr<const stepwise::tls::Context> server(const Wanted& wanted = {}) { return of(issue(wanted)); }
    static std::shared_ptr<const stepwise::tls::Context> of(const Identity& identity) {
        return stepwise::tls::Context::for_server({identity.certificate_file, identity.key_file});
    }
    std::shared_ptr<const stepwise::tls::Context> client() const {
        return stepwise::tls::Context::for_client({.authorities_file = file()});
    }

private:
    static Key new_key() { return Key(EVP_EC_gen("P-256"), &EVP_PKEY_free); }

    Identity identity(const Wanted& wanted, X509* issuer, EVP_PKEY* issuer_key) {
        Key key = new_key();
        Certificate made =
            make(wanted.subject, key.get(), wanted, issuer, issuer_key != nullptr ? issuer_key : key.get());
        const std::string number = std::to_string(++issued_);
        Identity identity{folder_.file("server" + number + ".pem"), folder_.file("server" + number + ".key")};
        write(*made, identity.certificate_file);
        std::FILE* file = std::fopen(identity.key_file.c_str(), "w");
        PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
        std::fclose(file);
        return identity;
    }

    static void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
        X509V3_CTX context;
        X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
        X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
        if (extension == nullptr) throw std::runtime_error("no extension " + value);
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
    }

    // Without names, and by itself: an authority's.
    static Certificate make(const std::string& name, EVP_PKEY* key, const Wanted& wanted, X509* issuer,
                            EVP_PKEY* issuer_key) {
        static long serial = 0;
        Certificate made(X509_new(), &X509_free);
        X509* certificate = made.get();
        X509_set_version(certificate, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
        X509_gmtime_adj(X509_getm_notBefore(certificate), wanted.begins);
        X509_gmtime_adj(X509_getm_notAfter(certificate), wanted.ends);
        X509_set_pubkey(certificate, key);
        X509_NAME* subject = X509_get_subject_name(certificate);
        const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, text, -1, -1, 0);
        const bool is_authority = issuer == nullptr && wanted.names.empty();
        if (issuer == nullptr) issuer = certificate;
        X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
        if (is_authority) {
            extend(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE");
            extend(certificate, issuer, NID_key_usage, "critical,keyCertSign");
        } else if (!wanted.names.empty()) {
            extend(certificate, issuer, NID_subject_alt_name, wanted.names);
        }
        X509_sign(certificate, issuer_key, EVP_sha256());
        return made;
    }

    static void write(X509& certificate, const std::string& path) {
        std::FILE* file = std::fopen(path.c_str(), "w");
        PEM_write_X509(file, &certificate);
        std::fclose(file);
    }

    std::string name_;
    Folder folder_;
    Key key_;
    Certificate certificate_;
    int issued_ = 0;
};

}  // namespace tls_test
