// RFC 8707 at a running broker: resources as clients of MCP servers send them, and the one audience that is issued.
// Spellings are compared, never issued: `aud` is always the registered text.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestBroker } from '../support/broker.ts';
import { type Credentials, credentialsOf, expectRefused, granted, MCP, startSetting, strictClient } from './setting.ts';

let broker: TestBroker;
let credentials: Credentials;
beforeAll(async () => {
  broker = await startSetting();
  credentials = credentialsOf(broker);
});
afterAll(() => broker.stop());

const asking = async (resource: string | readonly string[]) =>
  broker.exchange(await credentials.svid(), { audience: undefined, resource });

describe('a resource', () => {
  it.each(['mcp', '/mcp', 'mcp.example/mcp', `${MCP}/#part`, `${MCP}/<mcp>`, 'https:'])(
    'RI-01 that is no absolute URI without a fragment is invalid_target: %s',
    async (resource) => {
      expectRefused(broker, await asking(resource), [400, 'invalid_target', 'resource_malformed']);
    },
  );

  it('RI-01 that is unknown, or not allowed, is invalid_target; a query belongs to it', async () => {
    const unknown = [400, 'invalid_target', 'target_unknown'] as const;
    expectRefused(broker, await asking('https://elsewhere.example/mcp'), unknown);
    expectRefused(broker, await asking('https://api.example/p'), unknown);
    expectRefused(broker, await asking('https://api.example/p?q=2'), unknown);
    expectRefused(broker, await asking('https://secret.example'), [400, 'invalid_target', 'target_not_allowed']);
    expect(granted(await asking('https://api.example/p?q=1')).aud).toBe('https://api.example/p?q=1');
  });

  it('RI-02 is exactly the aud of what is issued, and all of it', async () => {
    for (const resource of [MCP, `${MCP}/mcp`, 'https://api.example/ledger'])
      expect(granted(await asking(resource)).aud).toBe(resource);
  });

  it('RI-02 is what oauth4webapi as that resource server accepts, and as another does not', async () => {
    const client = await strictClient(broker);
    const { access_token: token } = await client.exchange({
      subject_token: await credentials.svid(),
      audience: 'mcp',
      resource: MCP,
    });
    expect(await client.accept(token, MCP)).toMatchObject({ aud: MCP });
    await expect(client.accept(token, `${MCP}/mcp`)).rejects.toThrow(/"aud"/);
  });

  it('RI-03 stands alone: two different ones are invalid_target, though a rule allows both', async () => {
    expectRefused(broker, await asking([MCP, `${MCP}/mcp`]), [400, 'invalid_target', 'targets_differ']);
    granted(await asking(MCP));
    granted(await asking(`${MCP}/mcp`));
  });

  it.each(['HTTPS://MCP.Example', `${MCP}/`, `${MCP}:443`, 'https://MCP.EXAMPLE:443/'])(
    'RI-04 may be spelled %s, and aud has the registered spelling',
    async (resource) => {
      expect(granted(await asking(resource)).aud).toBe(MCP);
      expect(granted(await broker.exchange(await credentials.svid(), { audience: resource })).aud).toBe(MCP);
    },
  );

  it.each([
    `${MCP}/MCP`,
    `${MCP}/mcp/`,
    `${MCP}//`,
    `${MCP}/%6dcp`,
    `${MCP}/./mcp`,
    `${MCP}/x/../mcp`,
    `${MCP}:8443`,
    `${MCP}.`,
    `${MCP}?`,
    'http://mcp.example',
    'https://user@mcp.example',
    'https://mcp.example.attacker.example',
  ])('RI-04 is not another spelling of anything: %s', async (resource) => {
    expectRefused(broker, await asking(resource), [400, 'invalid_target', 'target_unknown']);
  });
});
