//! The redis-rs client for one server: address, login, database and TLS. Opens no connection.

use ::redis::{Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisResult, TlsCertificates};

use crate::settings::{NodeAddress, RedisSettings, ServerCredentials};

/// The client that opens connections to the server at `address`.
pub(super) fn client(
    settings: &RedisSettings,
    address: &NodeAddress,
    login: &ServerCredentials,
    db: u32,
) -> RedisResult<Client> {
    let (host, port) = (address.host.clone(), address.port);
    let endpoint = if settings.tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let mut redis = RedisConnectionInfo::default().set_db(i64::from(db)).set_skip_set_lib_name();
    if let Some(username) = &login.username {
        redis = redis.set_username(username);
    }
    if let Some(password) = &login.password {
        redis = redis.set_password(password.expose());
    }
    // Without nodelay, a pipelined request waits for the TCP acknowledgement of the one before it.
    let tcp = ::redis::io::tcp::TcpSettings::default().set_nodelay(true);
    let info = endpoint.into_connection_info()?.set_redis_settings(redis).set_tcp_settings(tcp);
    match (settings.tls, &settings.tls_ca) {
        (true, Some(authority)) => {
            let certificates = TlsCertificates { client_tls: None, root_cert: Some(authority.clone()) };
            Client::build_with_tls(info, certificates)
        }
        _ => Client::open(info),
    }
}
