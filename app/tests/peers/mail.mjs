// A mail server that takes every message and keeps it, by `smtp-server`. Says `url: smtp://…` and `control: …`, where
//   GET /messages   answers everything that has arrived, as it arrived
//   POST /down      refuses every message for now, POST /up takes them again
// Ends with its input.
import { control, endWithTheTest, peer } from "./peer.mjs";

const { SMTPServer } = (await peer("smtp-server")).default;

const messages = [];
let refusing = false;
const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ["STARTTLS"],
  onMailFrom: (_address, _session, done) => {
    done(refusing ? Object.assign(new Error("come back later"), { responseCode: 451 }) : null);
  },
  onData: async (stream, _session, done) => {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
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
});
console.log(`control: ${steered.url}`);
endWithTheTest();
