// gcloud at our endpoints: its requests byte for byte as they were captured (528.0), and gcloud itself where it is installed.

import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAKE_ACCOUNT } from '../../support/cloud-broker.ts';
import { fencedBlocks } from '../../support/examples.ts';
import { GCLOUD_BASIC, GCLOUD_CLIENT, GCLOUD_SCOPES, PROVIDER } from '../../support/google-requests.ts';
import { externalAccount, type GoogleScene, principalOf, startGoogleScene } from '../../support/google-scene.ts';

const POD = principalOf('cluster:system:serviceaccount:payments:api');

let scene: GoogleScene;
beforeAll(async () => {
  scene = await startGoogleScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

const HEADERS = {
  'content-type': 'application/x-www-form-urlencoded',
  authorization: GCLOUD_BASIC,
  'user-agent': 'gcloud/528.0.0 command/gcloud.auth.login',
};
const post = (path: string, body: string) => scene.broker.call({ method: 'POST', path, headers: HEADERS }, body);

/** What `gcloud auth login --cred-file` sends first; its token has the line end of its file. */
const exchange = async (target: string, scopes: readonly string[] = GCLOUD_SCOPES) =>
  post(
    `/gcp/token/${target}`,
    [
      'grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange',
      `audience=${encodeURIComponent(PROVIDER)}`,
      'requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token',
      `subject_token=${await scene.pod()}%0A`,
      'subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt',
      `scope=${scopes.map(encodeURIComponent).join('+')}`,
    ].join('&'),
  );
/** And then. */
const introspect = (token: string) =>
  post(
    '/gcp/introspect',
    `token=${encodeURIComponent(token)}&token_type_hint=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token`,
  );

describe("gcloud's requests", () => {
  it.each([
    ['lake', LAKE_ACCOUNT],
    ['pool', POD],
  ])('get a token of %s, and are told that it is %s', async (target, username) => {
    const got = await exchange(target);
    expect([got.status, got.body.scope]).toEqual([200, GCLOUD_SCOPES.join(' ')]);
    const exchanged = scene.broker.records().at(-1);
    expect(exchanged).toMatchObject({
      event: 'exchange',
      transport: 'gcp-sts',
      target,
      unprovedClientId: GCLOUD_CLIENT,
    });
    const told = await introspect(String(got.body.access_token));
    expect(told.body).toEqual({ active: true, username, token_type: 'Bearer', exp: expect.any(Number) });
    const asked = scene.broker.records().at(-1);
    expect(asked).toMatchObject({
      event: 'caller_identity',
      transport: 'gcp-sts',
      outcome: 'answered',
      unprovedClientId: GCLOUD_CLIENT,
    });
    expect(asked?.session).toEqual(exchanged?.session);
    expect(JSON.stringify(scene.broker.records())).not.toContain(String(got.body.access_token));
  });

  it('are told nothing of a token that was not given here, or has ended', async () => {
    expect((await introspect('ya29.another')).text).toBe('{"active":false}');
    expect(scene.broker.records().at(-1)).toMatchObject({ outcome: 'answered', reason: 'key_unknown' });
    // Of another target than gcloud itself is given: what has ended once is forgotten, and clocks do not go back.
    const got = await exchange('pool');
    expect((await introspect(String(got.body.access_token))).body.active).toBe(true);
    scene.broker.clock.offsetSeconds += 3_700;
    expect((await introspect(String(got.body.access_token))).text).toBe('{"active":false}');
    scene.broker.clock.offsetSeconds -= 3_700;
  });

  it('are refused a scope that the target has not, whole', async () => {
    const got = await exchange('lake', [...GCLOUD_SCOPES, 'https://www.googleapis.com/auth/drive']);
    expect([got.status, got.body.error]).toEqual([400, 'invalid_scope']);
    expect(scene.broker.records().at(-1)).toMatchObject({ outcome: 'refused', reason: 'scope_not_allowed' });
  });

  it('ask for the scopes that its page lists', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/clouds/google.md'), 'utf8');
    const [listed] = fencedBlocks(page).filter(({ info }) => info === 'yaml gcloud scopes');
    expect(listed?.text.trim().split('\n')).toEqual(GCLOUD_SCOPES.map((scope) => `- ${scope}`));
  });
});

const GCLOUD = (process.env.PATH ?? '')
  .split(':')
  .map((folder) => join(folder, 'gcloud'))
  .find(existsSync);

/** Runs it with a home of its own. */
async function gcloud(line: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(GCLOUD ?? '', line, {
    env: {
      PATH: process.env.PATH,
      HOME: scene.broker.folder,
      CLOUDSDK_CONFIG: join(scene.broker.folder, 'gcloud'),
      CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE: scene.trusted,
      CLOUDSDK_CORE_DISABLE_PROMPTS: '1',
      CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: '1',
      ...env,
    },
  });
  return stdout + stderr;
}

// It is no package of a registry that this project installs from: where it is not on the machine, its captured requests above stand for it.
describe.skipIf(GCLOUD === undefined)('gcloud itself', () => {
  it('logs in with a file of credentials, shows whose they are, and prints a token that works', async () => {
    const file = scene.file('gcloud-token', `${await scene.pod()}\n`);
    const credentials = scene.file('gcloud.json', JSON.stringify(externalAccount(scene.broker, { file })));
    expect(await gcloud(['auth', 'login', `--cred-file=${credentials}`])).toContain(LAKE_ACCOUNT);
    expect(await gcloud(['auth', 'list', '--format=value(account)'])).toContain(LAKE_ACCOUNT);
    const env = { CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE: credentials };
    const token = (await gcloud(['auth', 'print-access-token'], env)).trim();
    expect(await scene.bearer(token)).toEqual({ who: LAKE_ACCOUNT, behind: POD });
  }, 60_000);

  it("shows the broker's sentence where it is refused", async () => {
    const file = scene.file('nobody', 'a.b.c');
    const credentials = scene.file('nobody.json', JSON.stringify(externalAccount(scene.broker, { file })));
    const refused = await gcloud(['auth', 'login', `--cred-file=${credentials}`]).catch((error: unknown) => error);
    const decision = scene.broker.records().at(-1)?.decision;
    expect(String(refused)).toContain(`the operator finds out why under ${decision}`);
  }, 60_000);
});
