// google-auth-library, unmodified, with credentials that ask the broker instead of Google: every source of a subject token that it knows, each
// through to a request that needs what it got.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { githubPush } from '../../../src/adapters/cli/demo/platforms.ts';
import { CLOUD_ATTEMPTS_MAX } from '../../../src/core/limits-cloud.ts';
import { mint } from '../../support/broker.ts';
import { LAKE_ACCOUNT } from '../../support/cloud-broker.ts';
import { fencedBlocks } from '../../support/examples.ts';
import { CLOUD_PLATFORM } from '../../support/google-requests.ts';
import {
  certificateOf,
  externalAccount,
  type GoogleScene,
  principalOf,
  startGoogleScene,
} from '../../support/google-scene.ts';
import { openTlsServer } from '../../support/tls-server.ts';

const POD = principalOf('cluster:system:serviceaccount:payments:api');
const LAKE = { who: LAKE_ACCOUNT, behind: POD };

let scene: GoogleScene;
beforeAll(async () => {
  scene = await startGoogleScene();
});
afterAll(() => scene[Symbol.asyncDispose]());
let before = 0;
beforeEach(() => {
  before = scene.broker.records().length;
});

/** The records that this test has left. */
const recorded = () => scene.broker.records().slice(before);

describe('google-auth-library at our token endpoint', () => {
  it('takes the token of a file as it is, its last newline and all', async () => {
    const file = scene.file('token', `${await scene.pod()}\n`);
    expect(await scene.ask(externalAccount(scene.broker, { file }))).toEqual({ status: 200, data: LAKE });
    expect(recorded()).toMatchObject([{ transport: 'gcp-sts', outcome: 'granted', target: 'lake' }]);
  });

  it('takes the token of a JSON file', async () => {
    const file = scene.file('token.json', JSON.stringify({ id: await scene.pod() }));
    const format = { type: 'json', subject_token_field_name: 'id' };
    expect(await scene.ask(externalAccount(scene.broker, { file, format }))).toMatchObject({ data: LAKE });
  });

  it('takes the token that a program prints, where programs are allowed', async () => {
    const said = {
      version: 1,
      success: true,
      token_type: 'urn:ietf:params:oauth:token-type:jwt',
      id_token: await scene.pod(),
    };
    const command = scene.file('print-token', `#!/bin/sh\ncat <<'END'\n${JSON.stringify(said)}\nEND\n`);
    const account = externalAccount(scene.broker, { executable: { command, timeout_millis: 5_000 } });
    const env = { GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES: '1' };
    expect(await scene.ask(account, { env })).toEqual({ status: 200, data: LAKE });
  });

  it('takes the credential of where it runs from `exchequer gcp executable`, and what that says where there is none', async () => {
    const { broker, trusted } = scene;
    const main = join(import.meta.dirname, '../../../src/main.ts');
    const command = (from: string) =>
      `${process.execPath} ${main} gcp executable --broker ${broker.issuer} --ca ${trusted} --from file:${from}`;
    const executable = (from: string) => ({ executable: { command: command(from), timeout_millis: 20_000 } });
    const env = { GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES: '1' };
    const file = scene.file('pod', await scene.pod());
    expect(await scene.ask(externalAccount(broker, executable(file)), { env })).toEqual({
      status: 200,
      data: LAKE,
    });
    const nothing = await scene.ask(externalAccount(broker, executable('/nowhere')), { env });
    expect(nothing.error).toMatch(/^The executable failed with exit code: unavailable and error message: .*\/nowhere/);
  });

  it('takes the token that an address gives, as that of a GitHub job', async () => {
    const value = await mint(scene.broker, 'github', githubPush(scene.broker.issuer, scene.broker.now()));
    await using jobs = await openTlsServer(
      (request, response) => {
        response.writeHead(request.headers.authorization === 'Bearer job' ? 200 : 401, {
          'content-type': 'application/json',
        });
        response.end(JSON.stringify({ value }));
      },
      { certificate: certificateOf(scene.broker) },
    );
    const source = {
      url: jobs.url,
      headers: { Authorization: 'Bearer job' },
      format: { type: 'json', subject_token_field_name: 'value' },
    };
    expect(await scene.ask(externalAccount(scene.broker, source))).toEqual({
      status: 200,
      data: { who: LAKE_ACCOUNT, behind: principalOf('github:repository_id:74:ref:refs/heads/main') },
    });
  });

  it('takes a service account on top where its file says so', async () => {
    const file = scene.file('token', await scene.pod());
    const account = 'another@example-data.iam.gserviceaccount.com';
    const { broker, google } = scene;
    const credentials = externalAccount(
      broker,
      { file },
      {
        token_url: `${broker.issuer}/gcp/token/pool`,
        service_account_impersonation_url: `${google.url}v1/projects/-/serviceAccounts/${account}:generateAccessToken`,
        service_account_impersonation: { token_lifetime_seconds: 600 },
      },
    );
    expect(await scene.ask(credentials)).toEqual({ status: 200, data: { who: account, behind: POD } });
    expect(recorded()).toMatchObject([{ target: 'pool', scopes: [CLOUD_PLATFORM] }]);
  });

  it('shows why not: rule, place, claim and the decision', async () => {
    const stranger = await mint(scene.broker, 'github', {
      ...githubPush(scene.broker.issuer, scene.broker.now()),
      ref: 'refs/heads/dev',
    });
    const file = scene.file('token', stranger);
    const { error } = await scene.ask(externalAccount(scene.broker, { file }));
    const [{ decision } = {}] = recorded();
    expect(error).toMatch(/^Error code invalid_request: no rule lets /);
    expect(error).toMatch(new RegExp(`ref was 'refs/heads/dev', must be 'refs/heads/main'.* ${decision}$`));
    expect(recorded()).toMatchObject([{ outcome: 'refused', reason: 'no_rule' }]);
  });

  it('is refused scopes that the rule does not allow: they are never cut down', async () => {
    const file = scene.file(
      'token',
      await mint(scene.broker, 'github', githubPush(scene.broker.issuer, scene.broker.now())),
    );
    const scopes = [CLOUD_PLATFORM, 'https://www.googleapis.com/auth/compute'];
    expect((await scene.ask(externalAccount(scene.broker, { file }), { scopes })).error).toMatch(
      /^Error code invalid_scope: /,
    );
    expect(await scene.ask(externalAccount(scene.broker, { file }))).toMatchObject({ status: 200 });
  });

  it('is told which target where neither its path nor its audience says one', async () => {
    const file = scene.file('token', await scene.pod());
    const token_url = `${scene.broker.issuer}/gcp/token`;
    const nowhere = await scene.ask(externalAccount(scene.broker, { file }, { token_url }));
    expect(nowhere.error).toMatch(/^Error code invalid_target: /);
    const audience = 'lake';
    expect(await scene.ask(externalAccount(scene.broker, { file }, { token_url, audience }))).toMatchObject({
      status: 200,
    });
  });

  it('F-50 asks again where Google had too much to do, and not where it said no', async () => {
    const { broker, google } = scene;
    broker.clock.offsetSeconds += 7_200;
    const file = scene.file('token', await scene.pod());
    const busy = { status: 503, body: { error: { code: 503, status: 'UNAVAILABLE' } } };
    google.next.push(...Array.from({ length: CLOUD_ATTEMPTS_MAX }, () => busy));
    expect(await scene.ask(externalAccount(broker, { file }))).toEqual({ status: 200, data: LAKE });
    expect(recorded()).toMatchObject([{ reason: 'cloud_unavailable' }, { outcome: 'granted' }]);

    before = broker.records().length;
    broker.clock.offsetSeconds += 7_200;
    const again = scene.file('token', await scene.pod());
    google.next.push({ status: 400, body: { error: 'unauthorized_client' } });
    expect((await scene.ask(externalAccount(broker, { file: again }))).error).toMatch(/^Error code invalid_target: /);
    expect(recorded()).toMatchObject([{ reason: 'cloud_refused', evidence: { problem: 'unauthorized_client' } }]);
  });

  it('takes the file of its page, word for word', async () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/clouds/google.md'), 'utf8');
    const [block] = fencedBlocks(page).filter(({ info }) => info === 'json adc.json');
    const file = scene.file('token', await scene.pod());
    const text = (block?.text ?? '').replaceAll('https://sts.example', scene.broker.issuer);
    const credentials: object = JSON.parse(text.replace('/var/run/secrets/exchequer/token', file));
    expect(await scene.ask(credentials)).toEqual({ status: 200, data: LAKE });
  });

  it('A-170 leaves neither token in a record, a log or a metric', async () => {
    const token = await scene.pod();
    const file = scene.file('token', token);
    expect(await scene.ask(externalAccount(scene.broker, { file }))).toMatchObject({ status: 200 });
    const metrics = await fetch(`http://127.0.0.1:${scene.broker.observePort}/metrics`);
    const said = [JSON.stringify(scene.broker.records()), scene.broker.logged(), await metrics.text()].join();
    expect(said).toContain(LAKE_ACCOUNT);
    for (const secret of [token, ...scene.google.tokens.map((given) => given.token)]) {
      expect(said).not.toContain(secret);
      expect(said).not.toContain(secret.slice(-40));
    }
  });
});
