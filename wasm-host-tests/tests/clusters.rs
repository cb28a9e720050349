//! Which of the proxy's clusters carries a call.

use serde_json::json;
use wasm_host_tests::browser::Browser;
use wasm_host_tests::provider::CLUSTER;
use wasm_host_tests::setup::Setup;
use wasm_host_tests::simulation::{Proxy, VirtualWorld};
use wasm_host_tests::world::World;

fn endpoints_on_other_hosts_have_their_own_clusters<P: Proxy>() {
    let clusters = json!({"tokens.provider.test": "tokens", "keys.provider.test": "keys"});
    let mut world = VirtualWorld::<P>::open(Setup::default().of_provider("clusters", clusters).provider(|provider| {
        provider.change_metadata(|document| {
            for (member, host) in [("token_endpoint", "tokens"), ("jwks_uri", "keys")] {
                let url = document[member].as_str().expect("a URL").replace("//login.", &format!("//{host}."));
                document[member] = url.into();
            }
        });
    }));
    Browser::default().open(&mut world, "/").shows("/");
    let expected = [(CLUSTER, "login"), ("keys", "keys"), ("tokens", "tokens")];
    assert_eq!(world.carried(), expected.map(|(cluster, host)| (cluster.to_owned(), format!("{host}.provider.test"))));
}

#[test]
fn in_the_core() {
    endpoints_on_other_hosts_have_their_own_clusters::<wasm_host_tests::core_world::CoreProxy>();
}

#[cfg(feature = "wasm")]
#[test]
fn in_the_module() {
    endpoints_on_other_hosts_have_their_own_clusters::<wasm_host_tests::host::Host<true>>();
}
