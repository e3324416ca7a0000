// An issuer of JWTs (oauth2-mock-server) that a test steers by a second server: it signs whatever it is told to,
// changes its keys, goes down and is slow. Its keys are at /jwks and at /.well-known/jwks.json.
//
//   POST /token       signs {"claims": {...}, "header": {...}} by the newest key; iss, iat, nbf and exp are there
//                     unless given, and what is null is left out
//   POST /rotate      takes a new key in place of the former; ?alg=ES256 for another kind than RS256
//   POST /down, /up   closes its port and opens it again, with the same keys
//   POST /slow?ms=N   lets whoever asks for the keys wait; 0 ends it
//   GET /fetches      how often somebody asked for the keys
//   GET /key          the newest public key as PEM
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";

import { control, endWithTheTest, peer, site } from "./peer.mjs";

const { OAuth2Server } = await peer("oauth2-mock-server");

const KEYS = ["/jwks", "/.well-known/jwks.json"];

let mock;
let fetches = 0;
let slow = 0;

const issuer = await site(async (request, response) => {
  if (KEYS.includes(request.url)) {
    request.url = KEYS[0];
    fetches += 1;
    await wait(slow);
  }
  mock.service.requestHandler(request, response);
});

// Its store of keys only ever grows, so that a new key is a new store.
async function rotate(alg) {
  const next = new OAuth2Server();
  next.issuer.url = issuer.url;
  await next.issuer.keys.generate(alg);
  mock = next;
}

const key = () => mock.issuer.keys.toJSON(true)[0];

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function merge(into, given) {
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === null) delete into[name];
    else into[name] = value;
  }
  return into;
}

async function token({ claims, header }) {
  const jwt = await mock.issuer.buildToken({
    scopesOrTransform: (head, payload) => {
      merge(head, header);
      merge(payload, claims);
    },
  });
  // The library always writes these two itself; where a test wants them otherwise, it is signed again.
  if (!("typ" in (header ?? {}) || "alg" in (header ?? {}))) return jwt;
  const [head, payload] = jwt.split(".");
  const signed = `${encoded(merge(JSON.parse(Buffer.from(head, "base64url")), header))}.${payload}`;
  const by = { key: createPrivateKey({ key: key(), format: "jwk" }), dsaEncoding: "ieee-p1363" };
  return `${signed}.${sign("sha256", signed, by).toString("base64url")}`;
}

await rotate("RS256");

const steering = await control({
  "POST /token": (_, body) => token(JSON.parse(body)),
  "POST /rotate": (query) => rotate(query.get("alg") ?? "RS256"),
  "POST /down": issuer.down,
  "POST /up": issuer.up,
  "POST /slow": (query) => {
    slow = Number(query.get("ms"));
  },
  "GET /fetches": () => fetches,
  "GET /key": () => createPublicKey({ key: key(), format: "jwk" }).export({ type: "spki", format: "pem" }),
});

endWithTheTest();
console.log(`url: ${issuer.url}\ncontrol: ${steering.url}`);
