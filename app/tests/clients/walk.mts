// The main job by the generated client for TypeScript: signs in, adds coaches and a job, reads the ranked candidates page by
// page, and gets a problem that says what is wrong. Prints what it saw as JSON, for the test to compare.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./fithire.ts";

const { FITHIRE_URL: baseUrl, FITHIRE_EMAIL: email = "", FITHIRE_PASSWORD: password = "" } = process.env;
const anybody = createClient<paths>({ baseUrl });
const { data: token } = await anybody.POST("/api/v1/auth/token", { body: { email, password } });
assert(token);
const api = createClient<paths>({ baseUrl, headers: { Authorization: `${token.token_type} ${token.access_token}` } });

const { data: brands } = await api.GET("/api/v1/brands");
const { data: locations } = await api.GET("/api/v1/brands/{id}/locations", { params: { path: { id: brands!.items[0].id } } });

// The first has taught longest and fits best.
for (let year = 2016; year < 2023; year++) {
  const facts = { positions: [{ modality: "hiit", started_on: `${year}-01-01` }] };
  const { data: coach, error } = await api.POST("/api/v1/coaches", { body: { name: `Coach of ${year}`, facts } });
  assert(coach, JSON.stringify(error));
}
const { data: job } = await api.POST("/api/v1/jobs", {
  body: { title: "HIIT at noon", location_id: locations!.items[0].id, threshold: 0, facts: { modality: "hiit", min_years: 8 } },
});
assert(job);

const candidates: components["schemas"]["Candidate"][] = [];
let cursor: string | undefined;
let pages = 0;
do {
  const query = { limit: 3, cursor };
  const { data } = await api.GET("/api/v1/jobs/{id}/candidates", { params: { path: { id: job.id }, query } });
  assert(data);
  candidates.push(...data.candidates);
  cursor = data.next_cursor ?? undefined;
  pages++;
} while (cursor);

const { error, response } = await api.PATCH("/api/v1/jobs/{id}", {
  params: { path: { id: job.id } },
  body: { threshold: 2 },
});
assert(error);
const { error: refused } = await anybody.GET("/api/v1/jobs");

console.log(
  JSON.stringify({
    job: job.id,
    pages,
    candidates: candidates.map((one) => [one.coach_id, one.fitscore]),
    problem: [response.status, error.code, error.errors?.[0].pointer],
    refused: refused?.code,
  }),
);
