//! Signing in to the pages by another provider, authorization code and PKCE, in a browser.

use std::process::Command;

use fithire_identity::testing::PASSWORD;
use fithire_kernel::testing::on_both;

use super::{Configured, Peer, free_port};
use crate::people::{email, people};
use crate::program::root;
use crate::server::Browser;

#[test]
fn people_sign_up_in_and_out_by_a_provider_in_a_browser() {
    on_both(async |world| {
        let people = people(&world).await;
        let port = free_port();
        let url = format!("http://localhost:{port}");
        let provider = Peer::start("provider.mjs", &[&format!("{url}/sign-in/with/provider/back")]);
        let toml = format!(
            "[[identity.issuers]]\nname = \"provider\"\ntitle = \"The Provider\"\nissuer = \"{}\"\n\
             client_id = \"fithire\"\nclient_secret = \"provider-secret\"\ntrust_email = true\nbrand = \"acme\"\n",
            provider.url
        );
        let app = Configured::at(&world, &toml, port);
        let boss = email("admin", people.ours.mark);
        let admin = Browser::new(&app.server);
        assert_eq!(admin.sign_in(&boss, PASSWORD).status, 303);
        admin.submit("/admin/organisation", "/admin/organisation/link", &[("link", "new")]);
        let organisation = admin.get("/admin/organisation").body;
        let link = organisation.split("/sign-up?link=").nth(1).unwrap().split('<').next().unwrap();
        let invite = |address: &str| {
            let form = [("email", address), ("role", "manager"), ("reach", "")];
            let page = admin.submit("/admin/members", "/admin/members/invitations", &form).body;
            page.split("/invitation?code=").nth(1).unwrap().split('<').next().unwrap().to_owned()
        };
        let code = invite("someone@acme.test");
        invite("ivy@people.test");
        let output = Command::new("node")
            .arg(root().join("app/tests/browser/sign-ins.mjs"))
            .args([&url, link, &code, &boss, &provider.control])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}\n{}", app.server.log());
        assert!(told.contains("all is right"), "{told}");
    });
}
