// A mail server that takes every message and keeps it, by `smtp-server`. Says `url: smtp://…` and `control: …`, where
//   GET /messages   answers everything that has arrived, as it arrived
//   POST /down      refuses every message for now, POST /up takes them again
//   POST /unknown   knows no address from now on
//   POST /slow      takes a second for each message from now on
// Ends with its input.
import { control, endWithTheTest, peer } from "./peer.mjs";

const { SMTPServer } = (await peer("smtp-server")).default;

const messages = [];
let refusing = false;
let unknown = false;
let pause = 0;
const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ["STARTTLS"],
  onMailFrom: (_address, _session, done) => {
    done(refusing ? Object.assign(new Error("come back later"), { responseCode: 451 }) : null);
  },
  onRcptTo: (_address, _session, done) => {
    done(unknown ? Object.assign(new Error("no such mailbox"), { responseCode: 550 }) : null);
  },
  onData: async (stream, _session, done) => {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    await new Promise((resolve) => setTimeout(resolve, pause));
    messages.push(Buffer.concat(chunks).toString());
    done();
  },
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
console.log(`url: smtp://127.0.0.1:${server.server.address().port}`);
const steered = await control({
  "GET /messages": () => messages.join("\n\n"),
  "POST /down": () => { refusing = true; },
  "POST /up": () => { refusing = false; },
  "POST /unknown": () => { unknown = true; },
  "POST /slow": () => { pause = 1_000; },
});
console.log(`control: ${steered.url}`);
endWithTheTest();
