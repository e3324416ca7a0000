// An OpenID provider (oidc-provider) with one client, `fithire` / `provider-secret`, for the redirect URIs that it is
// given:
//   node app/tests/peers/provider.mjs REDIRECT_URI...
// Code flow with PKCE. Its own pages take any name with any password, and then ask for consent. `POST /down` and
// `POST /up` at the second address close its port and open it again.
import { generateKeyPairSync, randomUUID } from "node:crypto";

import { control, endWithTheTest, peer, site } from "./peer.mjs";

// It has remarks for whoever would run it in earnest; standard output is for the addresses.
console.info = console.error;

const { default: Provider } = await peer("oidc-provider");

let answer;
const host = await site((request, response) => answer(request, response));

// Who signs in as `ada` is Ada, ada@people.test; a name with an @ is the address itself, and one that begins with
// `unverified` has an address that nobody looked at.
function person(login) {
  return {
    sub: login,
    email: login.includes("@") ? login : `${login}@people.test`,
    email_verified: !login.startsWith("unverified"),
    name: login.charAt(0).toUpperCase() + login.slice(1),
  };
}

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const provider = new Provider(host.url, {
  clients: [{ client_id: "fithire", client_secret: "provider-secret", redirect_uris: process.argv.slice(2) }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  // Claims are in the ID token as well, not at the user info alone.
  conformIdTokenClaims: false,
  cookies: { keys: [randomUUID()] },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, login) => ({ accountId: login, claims: () => person(login) }),
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig" }] },
  pkce: { required: () => true },
});
// Its pages want a font from elsewhere.
provider.use(async (context, next) => {
  await next();
  if (typeof context.body === "string") context.body = context.body.replace(/@import url\([^)]*\);/, "");
});
answer = provider.callback();

const steering = await control({ "POST /down": host.down, "POST /up": host.up });

endWithTheTest();
console.log(`url: ${host.url}\ncontrol: ${steering.url}`);
