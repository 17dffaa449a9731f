// `explain` and the running broker about credentials that only clients present: who asks is part of the answer.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClientBroker, ENVIRONMENT, MCP, SECRETS, startClientBroker } from '../support/client-broker.ts';
import { runProgram } from '../support/program.ts';

describe('a credential that clients present', () => {
  let broker: ClientBroker;
  beforeAll(async () => {
    broker = await startClientBroker();
  });
  afterAll(() => broker.stop());

  async function explain(token: string, ...more: readonly string[]) {
    const file = join(broker.folder, 'token.jwt');
    writeFileSync(file, token);
    const config = join(broker.folder, 'exchequer.yaml');
    const said = await runProgram(
      ['explain', '--config', config, '--token-file', file, '--target', 'mcp', ...more],
      ENVIRONMENT,
    );
    return { exits: said.exits, err: said.err, first: said.out.find((line) => /^(?:refused|allowed) /.test(line)) };
  }

  it('is refused without one, as the broker does', async () => {
    const token = await broker.appToken();
    expect(await explain(token)).toEqual({
      exits: [1],
      err: [],
      first: `refused   client_required: apps: client was absent, must be one that presents "${MCP}"; its credentials are taken from clients only: --client says which one asks`,
    });
    await broker.exchange(token, { audience: 'mcp' });
    expect(broker.lastRecord()).toMatchObject({ reason: 'client_required' });
  });

  it('is refused through one that is registered for others, and allowed through one that is not', async () => {
    const token = await broker.appToken();
    const { exits, first } = await explain(token, '--client', 'elsewhere');
    expect([exits, first]).toEqual([
      [1],
      `refused   client_not_presenter: client elsewhere: presents was "https://bound.example", must be "${MCP}"; the client is registered for the credentials of other audiences`,
    ]);
    const form = { client_id: 'elsewhere', client_secret: SECRETS.kong, audience: 'mcp' };
    await broker.exchange(token, form);
    expect(broker.lastRecord()).toMatchObject({ reason: 'client_not_presenter' });

    const through = await explain(token, '--client', 'litellm');
    expect([through.exits, through.first]).toEqual([[0], expect.stringContaining('allowed   mcp with tools')]);
    const granted = await broker.exchange(token, {
      client_id: 'litellm',
      client_secret: SECRETS.litellm,
      audience: 'mcp',
    });
    expect(granted.status).toBe(200);
  });
});
