// What the peers of the tests share: their modules, a server that can go away and come back at the same port, a second
// one by which a test says so, and the end of both with the test.
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

// Set by scripts/peer-tools: a folder that holds node_modules.
const PEERS = process.env.FITHIRE_TEST_PEERS;

// A module among them.
export async function peer(name) {
  if (!PEERS) throw new Error("FITHIRE_TEST_PEERS is not set; scripts/peer-tools says what it should be");
  const file = createRequire(path.join(path.resolve(PEERS), "peers.js")).resolve(name);
  return import(pathToFileURL(file));
}

// A server at a free port, which it keeps: `down` closes it and what is open there, `up` opens it again.
export async function site(answer) {
  const server = http.createServer(answer);
  const listen = (port) => new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  await listen(0);
  const { port } = server.address();
  return {
    url: `http://127.0.0.1:${port}`,
    down: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
    up: async () => {
      if (!server.listening) await listen(port);
    },
  };
}

// The server by which a test steers: each route such as "POST /down" gets the query and the body, and gives a text.
export function control(routes) {
  return site(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://127.0.0.1");
    const route = routes[`${request.method} ${pathname}`];
    try {
      if (!route) throw new Error(`there is no ${request.method} ${pathname}`);
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      response.end(String((await route(searchParams, Buffer.concat(chunks).toString())) ?? ""));
    } catch (error) {
      response.statusCode = 400;
      response.end(String(error.stack));
    }
  });
}

// The test holds the other end of standard input; when it is gone, so is the peer.
export function endWithTheTest() {
  process.stdin.on("close", () => process.exit()).resume();
}
