// The part of the demo about a cluster that nobody outside reaches: keys behind a private authority and a bearer token, and the API
// server's word on every token. The cluster is a stand-in on loopback, so the broker is one that may fetch from there.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { type ApiServer, openApiServer } from './api-server.ts';
import { type DemoBroker, startBroker } from './broker.ts';
import { createClient } from './client.ts';
import { mintToken } from './material.ts';
import { kubernetesProjected } from './platforms.ts';
import { begin, explain, say, show } from './say.ts';

const BEARER = 'token-of-the-service-account-of-the-broker';
const KEYS_IN_A_FILE = 'jwks: { file: ./dev/cluster.json }';
const POD = 'api-5d9c7b6f4-abcde';

/** Shows a pod's token exchanged, and refused once the pod is gone. */
export async function showPrivateCluster(issuer: string): Promise<void> {
  const held: { api?: ApiServer } = {};
  const broker = await startBroker({
    onLoopback: true,
    async prepare(config, folder) {
      const keys = JSON.parse(readFileSync(join(folder, 'dev/cluster.json'), 'utf8'));
      const api = await openApiServer({ issuer, keys, bearer: BEARER });
      held.api = api;
      writeFileSync(join(folder, 'dev/api.crt'), api.ca);
      writeFileSync(join(folder, 'dev/api.token'), `${BEARER}\n`, { mode: 0o600 });
      const at = `{ url: "${api.url}", ca: ./dev/api.crt, tokenFile: ./dev/api.token }`;
      return config.replace(KEYS_IN_A_FILE, `discovery: ${at}\n    tokenReview: ${at}`);
    },
  });
  try {
    if (!held.api) throw new Error('the API server was not started');
    await showPod(broker, held.api, issuer);
  } finally {
    await broker.stop();
    held.api?.close();
  }
}

async function showPod(broker: DemoBroker, api: ApiServer, issuer: string): Promise<void> {
  const client = createClient(broker);
  const claims = kubernetesProjected(issuer, broker.issuer, Math.floor(Date.now() / 1000));
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    subject_token: await mintToken(broker.material, 'cluster', claims),
    audience: 'ledger',
  };

  begin(
    `A pod of a cluster whose API server, ${api.url}, has a private authority`,
    'The broker fetches the keys with a token of its own, and asks the API server about each token (TokenReview).',
  );
  say('  presents a credential that says');
  for (const claim of ['iss', 'sub']) show(claim, claims[claim]);
  show('pod', POD);
  const { status, body } = await client.post('/token', form);
  if (status !== 200) throw new Error(`expected 200, got ${status} ${JSON.stringify(body)}`);
  say('  what the API server was asked, by the bearer of the token in ./dev/api.token');
  for (const asked of api.asked) say(`    ${asked}`);
  if (!api.asked.at(-1)?.includes('tokenreviews')) throw new Error('the API server was not asked about the token');
  say('  200: a token');
  const issued = decodeJwt(String(body.access_token));
  for (const claim of ['sub', 'aud', 'origin']) show(claim, issued[claim]);

  begin(
    'The pod is deleted',
    'Its token is the same and good for another hour: the signature, the keys and the times are in order.',
  );
  api.deletePod(POD);
  const refused = await client.post('/token', form);
  if (refused.status !== 400) throw new Error(`expected 400, got ${refused.status} ${JSON.stringify(refused.body)}`);
  explain(broker, refused);
}
