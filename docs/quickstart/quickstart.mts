// npm install openapi-fetch openapi-typescript typescript@5
// npx openapi-typescript "$FITHIRE_URL/api/v1/openapi.json" --output fithire.ts && node quickstart.mts
import createClient from "openapi-fetch";
import type { paths } from "./fithire.ts";
const { FITHIRE_URL: baseUrl, FITHIRE_KEY: key } = process.env;
const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });
const { data: jobs } = await api.GET("/api/v1/jobs");
const { data } = await api.GET("/api/v1/jobs/{id}/candidates", { params: { path: { id: jobs!.items[0].id } } });
for (const one of data!.candidates) console.log(one.fitscore, one.name);
