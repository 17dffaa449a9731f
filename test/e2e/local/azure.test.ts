// `exchequer run --azure`: @azure/identity, unmodified, in a program that the real command line starts, through to a call of an API that wants the
// token; and its other way, a federated token file that `exchequer token --watch --out` keeps, which it takes to Entra itself.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TENANT, VAULT_CLIENT } from '../../support/cloud-broker.ts';
import { type LocalScene, script, startLocalScene } from '../../support/local-scene.ts';

const VAULT = 'https://vault.azure.net';
/** A credential, and the vault that it is for. */
const secretBy = (credential: string, scope = `${VAULT}/.default`) => `
import * as identity from '@azure/identity';
try {
  const credential = new identity.${credential};
  const { token, expiresOnTimestamp } = await credential.getToken('${scope}');
  const answer = await fetch(process.env.API + 'secrets/example', { headers: { authorization: 'Bearer ' + token } });
  const seconds = Math.round((expiresOnTimestamp - Date.now()) / 60_000) * 60;
  console.log(JSON.stringify({ status: answer.status, seconds, ...(await answer.json()) }));
} catch (error) {
  console.log(JSON.stringify({ error: error.message }));
}
`;
const HAD = { status: 200, seconds: 3_600, value: expect.any(String), id: '/secrets/example' };

let scene: LocalScene;
beforeAll(async () => {
  scene = await startLocalScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

const environment = (more: Readonly<Record<string, string>> = {}) => ({
  API: scene.entra.url,
  NODE_EXTRA_CA_CERTS: scene.authorityOf('entra'),
  ...more,
});
const run = (program: string, flags = ['--azure', `vault=${VAULT}`], more: Readonly<Record<string, string>> = {}) =>
  scene.run(['run', ...flags, ...script(program)], environment(more));

describe('a program with @azure/identity', () => {
  it.each(['ManagedIdentityCredential()', 'DefaultAzureCredential()'])(
    'has a managed identity, and the vault takes its token: %s',
    async (credential) => {
      const ran = await run(secretBy(credential));
      expect([ran.status, ran.err, JSON.parse(ran.out)]).toEqual([0, '', { ...HAD, who: VAULT_CLIENT }]);
    },
  );

  it('has it in place of the identity in its environment', async () => {
    const stale = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: VAULT_CLIENT, AZURE_CLIENT_SECRET: 'stale-canary' };
    const ran = await run(secretBy('DefaultAzureCredential()'), undefined, stale);
    expect(JSON.parse(ran.out)).toEqual({ ...HAD, who: VAULT_CLIENT });
    expect(ran.err).toBe(
      'the program does not get AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_CLIENT_SECRET: they would win\n',
    );
  });

  it('gets no token for another resource, and reads why', async () => {
    const ran = await run(secretBy('ManagedIdentityCredential()', 'https://graph.microsoft.com/.default'));
    expect(JSON.parse(ran.out).error).toContain(
      `no target here is for https://graph.microsoft.com; there are: ${VAULT} (vault)`,
    );
  });

  it('takes the file of an assertion to Entra itself, where disableInstanceDiscovery is set', async () => {
    const file = join(scene.folder, 'federated');
    const watching = scene.start(['token', 'vault-assertion', '--watch', '--out', file]);
    await watching.until(({ err }) => err.includes('written'));
    const env = environment({
      AZURE_FEDERATED_TOKEN_FILE: file,
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_ID: VAULT_CLIENT,
      AZURE_AUTHORITY_HOST: scene.entra.url,
    });
    const ran = await scene.runScript(secretBy('WorkloadIdentityCredential({ disableInstanceDiscovery: true })'), env);
    watching.kill('SIGTERM');
    await watching.ended;
    expect(JSON.parse(ran.out)).toEqual({ ...HAD, who: VAULT_CLIENT });
  });
});
