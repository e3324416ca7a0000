// A receiver of webhooks, which verifies them by Svix's own library. It answers 200 unless told otherwise, and keeps every
// request as it arrived.
//
//   POST /answer      answers from now on with {"status": 503, "headers": {...}, "body": "..."}
//   GET /received     every request: {"path", "headers", "body"}
//   POST /verify      whether {"secret", "request"} is verified: `yes`, or why not; the number of the request from 0
import { control, endWithTheTest, peer, site } from "./peer.mjs";

const { Webhook } = await peer("svix");

const received = [];
let answer = { status: 200 };

const host = await site(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  received.push({ path: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() });
  response.writeHead(answer.status, answer.headers ?? {});
  response.end(answer.body ?? "");
});

const steering = await control({
  "POST /answer": (_, body) => {
    answer = JSON.parse(body);
  },
  "GET /received": () => JSON.stringify(received),
  "POST /verify": (_, body) => {
    const { secret, request } = JSON.parse(body);
    try {
      new Webhook(secret).verify(received[request].body, received[request].headers);
      return "yes";
    } catch (error) {
      return error.message;
    }
  },
});

endWithTheTest();
console.log(`url: ${host.url}\ncontrol: ${steering.url}`);
