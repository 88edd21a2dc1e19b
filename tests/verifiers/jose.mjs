// Checks tokens as a service with npm's jose would: node jose.mjs BASE AUDIENCE
// Finds issuer and keys by BASE's discovery page. Reads a token a line; answers a line of JSON each:
// {"good": true, "kid", "claims", "fetches"} or {"good": false, "why", "fetches"}; `fetches` is how often it has
// fetched the keys.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

// Where ./scripts/ensure-verifiers.sh has put it.
const home = createRequire(process.env.USERD_VERIFIERS + "/");
const { createRemoteJWKSet, customFetch, jwtVerify } = await import(pathToFileURL(home.resolve("jose")));

const [base, audience] = process.argv.slice(2);
const { issuer, jwks_uri } = await (await fetch(`${base}/.well-known/openid-configuration`)).json();
let fetches = 0;
const keys = createRemoteJWKSet(new URL(jwks_uri), {
  [customFetch]: (...how) => ((fetches += 1), fetch(...how)),
});
for await (const token of createInterface({ input: process.stdin })) {
  let verdict;
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer, audience });
    verdict = { good: true, kid: protectedHeader.kid, claims: payload };
  } catch (error) {
    verdict = { good: false, why: error.code ?? String(error) };
  }
  console.log(JSON.stringify({ ...verdict, fetches }));
}
