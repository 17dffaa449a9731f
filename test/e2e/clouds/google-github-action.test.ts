// google-github-actions/auth, whose requests are sent here as its source writes them (v3: actions-utils' endpoints with GHA_ENDPOINT_OVERRIDE_sts,
// `postJson` of @actions/http-client): the federated token that it asks for itself, and the file of credentials that it leaves for the steps after it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { githubPush } from '../../../src/adapters/cli/demo/platforms.ts';
import { mint } from '../../support/broker.ts';
import { LAKE_ACCOUNT } from '../../support/cloud-broker.ts';
import { fencedBlocks } from '../../support/examples.ts';
import { GITHUB_ACTION, githubActionFile } from '../../support/google-requests.ts';
import { certificateOf, type GoogleScene, principalOf, startGoogleScene } from '../../support/google-scene.ts';
import { openTlsServer } from '../../support/tls-server.ts';

const JOB = { who: LAKE_ACCOUNT, behind: principalOf('github:repository_id:74:ref:refs/heads/main') };

let scene: GoogleScene;
beforeAll(async () => {
  scene = await startGoogleScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

const jobToken = (claims: object = {}) =>
  mint(scene.broker, 'github', { ...githubPush(scene.broker.issuer, scene.broker.now()), ...claims });

/** What a workflow says to the action. */
const WITH = { workload_identity_provider: 'lake', audience: 'https://sts.example', project_id: 'example-data' };
const STEP = z.object({
  env: z.record(z.string(), z.string()).optional(),
  with: z.record(z.string(), z.string()).optional(),
});

/** What the action sends, with `workload_identity_provider` and GHA_ENDPOINT_OVERRIDE_sts as a workflow would set them. */
async function federate(subjectToken: string, provider: string) {
  const body = JSON.stringify({ ...GITHUB_ACTION, audience: `//iam.googleapis.com/${provider}`, subjectToken });
  const headers = {
    'user-agent': 'google-github-actions:auth/3.0.0',
    accept: 'application/json',
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  return await scene.broker.call({ method: 'POST', path: '/gcp/token', headers }, body);
}

it('gets a token for the target that its provider names, as its page says', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/clouds/google.md'), 'utf8');
  const [block] = fencedBlocks(page).filter(({ info }) => info === 'yaml workflow');
  const [step] = z.object({ steps: z.array(STEP) }).parse(parse(block?.text ?? '')).steps;
  expect(step).toEqual({ env: { GHA_ENDPOINT_OVERRIDE_sts: 'https://sts.example/gcp' }, with: WITH });
  const got = await federate(await jobToken(), WITH.workload_identity_provider);
  expect([got.status, got.body.token_type, got.body.expires_in]).toEqual([200, 'Bearer', expect.any(Number)]);
  expect(await scene.bearer(String(got.body.access_token))).toEqual(JOB);
  expect(scene.broker.records().at(-1)).toMatchObject({ transport: 'gcp-sts', outcome: 'granted', target: 'lake' });
});

it('A-167 gets none for a provider of Google, since none is a target', async () => {
  const provider = 'projects/123456789012/locations/global/workloadIdentityPools/example/providers/exchequer';
  const got = await federate(await jobToken(), provider);
  expect([got.status, got.body.error]).toEqual([400, 'invalid_target']);
  expect(scene.broker.records().at(-1)).toMatchObject({ outcome: 'refused', reason: 'target_unknown' });
});

it('is told in its own log why not', async () => {
  const got = await federate(await jobToken({ ref: 'refs/heads/dev' }), 'lake');
  const decision = scene.broker.records().at(-1)?.decision;
  expect([got.status, got.body.error]).toEqual([400, 'invalid_request']);
  expect(String(got.body.error_description)).toMatch(/ref was 'refs\/heads\/dev', must be 'refs\/heads\/main'/);
  expect(got.body.error_description).toContain(decision);
});

it('leaves a file by which the SDKs of later steps get tokens of their own', async () => {
  const value = await jobToken();
  await using runner = await openTlsServer(
    (request, response) => {
      const { searchParams } = new URL(request.url ?? '', 'https://runner.example');
      const isAsked =
        request.headers.authorization === 'Bearer runtime' && searchParams.get('audience') === scene.broker.issuer;
      response.writeHead(isAsked ? 200 : 401, { 'content-type': 'application/json' }).end(JSON.stringify({ value }));
    },
    { certificate: certificateOf(scene.broker) },
  );
  const credentials = githubActionFile({
    sts: `${scene.broker.issuer}/gcp`,
    provider: 'lake',
    requestUrl: `${runner.url}?api-version=2.0`,
    requestToken: 'runtime',
    audience: scene.broker.issuer,
  });
  expect(await scene.ask(credentials)).toEqual({ status: 200, data: JOB });
});
