// `exchequer run --gcp`: google-auth-library, unmodified, in a program that the real command line starts, through to a call of an API of Google's
// that wants the token.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAKE_ACCOUNT } from '../../support/cloud-broker.ts';
import { type LocalScene, script, startLocalScene } from '../../support/local-scene.ts';

/** Application default credentials, as any program has them, and the API that they are for. */
const BUCKETS = `
import { GoogleAuth } from 'google-auth-library';
const auth = new GoogleAuth({ scopes: ['https://www.googleapis.com/auth/cloud-platform'] });
try {
  const client = await auth.getClient();
  const { data } = await client.request({ url: process.env.API + 'storage/v1/b' });
  const { client_email } = await auth.getCredentials();
  const seconds = Math.round((client.credentials.expiry_date - Date.now()) / 60_000) * 60;
  console.log(JSON.stringify({ kind: client.constructor.name, project: await auth.getProjectId(), client_email, seconds, data }));
} catch (error) {
  console.log(JSON.stringify({ error: error.message, body: error.response?.data }));
}
`;

let scene: LocalScene;
const RULES = `
rules:
  - name: payments-lake
    why: "Ask #payments."
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: { lake: all, ledger: all }
`;
beforeAll(async () => {
  scene = await startLocalScene({ policies: { 'lake.yaml': RULES } });
});
afterAll(() => scene[Symbol.asyncDispose]());

const run = (flags: readonly string[], program: string, env: Readonly<Record<string, string>> = {}) =>
  scene.run(['run', ...flags, ...script(program)], {
    API: scene.google.url,
    NODE_EXTRA_CA_CERTS: scene.authorityOf('google'),
    ...env,
  });

describe('a program with google-auth-library', () => {
  it('finds a metadata server, and Google knows the workload by its tokens', async () => {
    const ran = await run(['--gcp', `lake=${LAKE_ACCOUNT}`, '--project', 'example-data=42'], BUCKETS);
    expect([ran.status, ran.err]).toEqual([0, '']);
    expect(JSON.parse(ran.out)).toEqual({
      kind: 'Compute',
      project: 'example-data',
      client_email: LAKE_ACCOUNT,
      seconds: 3_600,
      data: {
        kind: 'storage#buckets',
        items: [],
        who: LAKE_ACCOUNT,
        behind: expect.stringMatching(/\/subject\/cluster:system:serviceaccount:payments:api$/),
      },
    });
  });

  it('finds it in place of the credentials that its environment names', async () => {
    const stale = { GOOGLE_APPLICATION_CREDENTIALS: '/nowhere/adc.json', METADATA_SERVER_DETECTION: 'none' };
    const ran = await run(['--gcp', 'lake', '--project', 'example-data'], BUCKETS, stale);
    expect(JSON.parse(ran.out)).toMatchObject({ kind: 'Compute', client_email: 'default' });
    expect(ran.err).toBe(
      'the program does not get GOOGLE_APPLICATION_CREDENTIALS, METADATA_SERVER_DETECTION: they would win\n',
    );
  });

  it('gets identity tokens for an audience that is a target’s, and why there is none for another', async () => {
    const identity = (audience: string) => `
import { GoogleAuth } from 'google-auth-library';
try {
  const client = await new GoogleAuth().getIdTokenClient('${audience}');
  const [, claims] = (await client.idTokenProvider.fetchIdToken('${audience}')).split('.');
  console.log(Buffer.from(claims, 'base64url').toString());
} catch (error) {
  console.log(JSON.stringify({ error: error.message, body: error.response?.data }));
}
`;
    const own = await run(['--gcp', 'lake'], identity('https://api.example/ledger'));
    expect(JSON.parse(own.out)).toMatchObject({
      aud: 'https://api.example/ledger',
      sub: 'cluster:system:serviceaccount:payments:api',
    });
    const other = await run(['--gcp', 'lake'], identity('https://nobody.example'));
    expect(JSON.parse(other.out)).toEqual({
      error: expect.stringContaining('Could not fetch ID token'),
      body: expect.stringMatching(/^invalid_target: .*[0-9A-Z]{26}\n$/),
    });
  });
});
