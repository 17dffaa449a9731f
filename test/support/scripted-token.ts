// `exchequer token`, and the helpers beside it, in the test's process, against a broker and a platform that are scripted answer by answer.
// What they say and send is kept, and nothing on stderr may hold a credential.

import { Command } from 'commander';
import { expect } from 'vitest';
import type { HelperTools } from '../../src/adapters/cli/helpers/helper.ts';
import type { Terminal } from '../../src/adapters/cli/terminal.ts';
import { registerToken, type TokenVerbTools } from '../../src/adapters/cli/token.ts';
import type { OutboundAnswer, OutboundRequest } from '../../src/core/outside.ts';

export const NOW = 1_800_000_000;
export const ISSUER = 'https://sts.example/tenant';
export const METADATA_URL = 'https://sts.example/.well-known/oauth-authorization-server/tenant';
export const json = (value: unknown): OutboundAnswer => ({ ok: true, body: Buffer.from(JSON.stringify(value)) });
export const refusal = (status: number, body: unknown, retryAfterSeconds?: number): OutboundAnswer => ({
  ok: true,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  refused: { status, retryAfterSeconds },
});
const METADATA = json({ issuer: ISSUER, token_endpoint: `${ISSUER}/token` });
export const TOKEN = json({ access_token: 'issued-token', token_type: 'Bearer', expires_in: 300 });
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
export const jwtFor = (aud: unknown) => `${encode({ alg: 'ES256' })}.${encode({ aud })}.c2lnbmF0dXJl`;
export const JWT = jwtFor(ISSUER);
export const GITHUB = {
  ACTIONS_ID_TOKEN_REQUEST_URL: 'https://github.example/t?v=2',
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'runner',
};

export interface TokenWorld {
  readonly env?: Record<string, string>;
  readonly files?: Record<string, string>;
  /** What is piped into it. */
  readonly input?: string;
  /** Answers by the beginning of the URL; the last of a list stays. */
  readonly answers?: Record<string, OutboundAnswer | readonly OutboundAnswer[]>;
}

/** The verb `token`, whose stdout holds no credential either. */
export async function runToken(line: readonly string[], world: TokenWorld) {
  const said = await runScripted(registerToken, ['token', ...line], world);
  for (const secret of SECRETS) expect(said.out.join('\n')).not.toContain(secret);
  return said;
}

const SECRETS = ['runner', JWT];
type ScriptedTools = TokenVerbTools & HelperTools;

export async function runScripted(
  register: (program: Command, terminal: Terminal, tools: ScriptedTools) => void,
  line: readonly string[],
  { env = {}, files = {}, answers = {}, input }: TokenWorld,
) {
  const said = {
    out: [] as string[],
    err: [] as string[],
    exits: [] as number[],
    sent: [] as OutboundRequest[],
    waits: [] as number[],
    written: [] as (readonly [file: string, text: string, mode: number])[],
  };
  const scripted = new Map(
    Object.entries({ [METADATA_URL]: METADATA, [`${ISSUER}/token`]: TOKEN, ...answers }).map(([url, list]) => [
      url,
      Array.isArray(list) ? [...list] : [list],
    ]),
  );
  const tools: ScriptedTools = {
    async request(request) {
      said.sent.push(request);
      const [, list] = [...scripted].find(([url]) => request.url.startsWith(url)) ?? [];
      const [next, ...rest] = list ?? [];
      if (list && rest.length > 0) list.shift();
      return next ?? { ok: false, problem: 'network', detail: 'ECONNREFUSED' };
    },
    jwtSvid: async (_socket, audience) => ({ ok: true, svid: jwtFor(audience) }),
    callerIdentity: async (audience, region) =>
      region === 'eu-north-1'
        ? { ok: false, problem: 'CredentialsProviderError' }
        : { ok: true, url: `https://sts.${region}.amazonaws.com/?for=${encodeURIComponent(audience)}` },
    readFile: async (path) =>
      files[path] === undefined ? { ok: false, problem: 'ENOENT' } : { ok: true, text: files[path] },
    exists: (path) => files[path] !== undefined,
    wait: async (milliseconds) => void said.waits.push(milliseconds),
    nowSeconds: () => NOW,
    readInput: async () => input,
    out: outInto(said.written),
    dev: NO_DEV,
  };
  const program = new Command().exitOverride();
  register(
    program,
    {
      out: (text) => said.out.push(text),
      err: (text) => said.err.push(text),
      env: { EXCHEQUER_BROKER: ISSUER, ...env },
      exit: (code) => said.exits.push(code),
    },
    tools,
  );
  await program.parseAsync(['node', 'exchequer', ...line]);
  const forms = said.sent.flatMap(({ body }) => (body ? [Object.fromEntries(new URLSearchParams(body.text))] : []));
  // Nothing of a credential is ever said.
  for (const secret of SECRETS) expect(said.err.join('\n')).not.toContain(secret);
  return { ...said, forms };
}

const noDev = async () => {
  throw new Error('no dev runs here');
};
const NO_DEV: TokenVerbTools['dev'] = { place: async () => undefined, sign: noDev, beside: noDev };

/** Files that are only noted down; one of them is on a disk that is full. A signal to stop is there from the start. */
const outInto = (written: (readonly [file: string, text: string, mode: number])[]): TokenVerbTools['out'] => ({
  nowSeconds: () => 0,
  elapsedMs: () => 0,
  random: () => 0,
  writeFile: async (...file) => {
    written.push(file);
    return file[0] === '/full' ? 'ENOSPC' : undefined;
  },
  pause: async () => undefined,
  onSignal: ({ stop }) => stop(),
});
