// Signs webhooks as their sender does, by Svix's own library. Says `ready`, then answers each line
//   {"secret": "whsec_...", "id": "msg_1", "timestamp": 1790000000, "payload": "..."}
// with the header `svix-signature`. Ends with its input.
import { createInterface } from "node:readline";

import { peer } from "./peer.mjs";

const { Webhook } = await peer("svix");

console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const { secret, id, timestamp, payload } = JSON.parse(line);
  console.log(new Webhook(secret).sign(id, new Date(timestamp * 1000), payload));
}
