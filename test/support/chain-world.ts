// Everything that an exchange is made of but sockets: real verifiers with keys of their own, registered clients with secrets, compiled
// rules, issuers that sign, and the embedded store. For sequences of exchanges, where what comes out goes in again.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { type Claims, createPlatformKey, githubPush, type PlatformKey } from '../../src/adapters/cli/demo/platforms.ts';
import type { PresentedClient } from '../../src/core/client.ts';
import { NO_CLIENT } from '../../src/core/client.ts';
import { createEpochs } from '../../src/core/epochs.ts';
import { createExchange } from '../../src/core/exchange.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { createOperate, type Outcome } from '../../src/core/operation.ts';
import type { Audit, Clock, Epochs, Issuer, Policy, Snapshot } from '../../src/core/ports.ts';
import type { ExchangeRecord } from '../../src/core/record.ts';
import { ok } from '../../src/core/refusal.ts';
import {
  ACCESS_TOKEN_TYPE,
  CLIENT_CREDENTIALS_GRANT,
  JWT_TOKEN_TYPE,
  type Received,
  TOKEN_EXCHANGE_GRANT,
  type TokenCredential,
} from '../../src/core/request.ts';
import type { Withdrawal } from '../../src/core/withdrawal.ts';
import { createAccessTokenIssuer } from '../../src/issuers/access-token.ts';
import { CLIENT } from '../../src/platforms/client.ts';
import { GITHUB } from '../../src/platforms/github.ts';
import { OIDC } from '../../src/platforms/oidc.ts';
import { SELF } from '../../src/platforms/self.ts';
import { SPIFFE } from '../../src/platforms/spiffe.ts';
import type { SourceView } from '../../src/policy/compile/views.ts';
import { createPolicy } from '../../src/policy/decide.ts';
import { type MemoryStore, openMemoryStore } from '../../src/stores/memory.ts';
import { github } from '../../src/verifiers/ci-platform.ts';
import { createClients } from '../../src/verifiers/client-auth.ts';
import { spiffe } from '../../src/verifiers/jwt-svid.ts';
import type { SourceVerifier } from '../../src/verifiers/kind.ts';
import { oidc } from '../../src/verifiers/oidc.ts';
import { createOwnTokens, self } from '../../src/verifiers/own-token.ts';
import { createVerifiers } from '../../src/verifiers/registry.ts';
import { basic, sha256 } from './clients.ts';
import { policyOf, source, target } from './policy.ts';
import { AUDIENCE, NOW, partsOf, settingsOf } from './sources.ts';

export const MCP = 'https://mcp.example';
export const TARGETS = { a: 'https://a.example', b: 'https://b.example', c: 'https://c.example' } as const;
export type TargetName = keyof typeof TARGETS;
export const LIFETIME_MAX = 600;
/** Each with what it may present. */
export const CLIENTS = {
  'api-a': [MCP, TARGETS.a],
  'api-b': [MCP, TARGETS.b],
  'api-c': [MCP, TARGETS.c],
  all: [MCP, ...Object.values(TARGETS)],
} as const satisfies Readonly<Record<string, readonly string[]>>;
export type ClientName = keyof typeof CLIENTS;
export const PEOPLE = { staff: 'https://staff.example', partner: 'https://partner.example' } as const;
export const MESH = 'spiffe://prod.example';

/** One request: tokens as text, a client by its name. */
export interface Asked {
  readonly subject: string;
  readonly actor?: string | undefined;
  readonly client?: ClientName | undefined;
  readonly target: string;
  readonly scopes?: readonly string[] | undefined;
}

export interface Answered {
  /** `granted`, or the reason of the refusal. */
  readonly said: string;
  readonly token: string;
  readonly claims: JsonObject;
  readonly record: ExchangeRecord;
}

export interface ChainWorld {
  readonly clock: { now: number };
  /** Takes these rules from now on. */
  rules(text: string): void;
  exchange(asked: Asked): Promise<Answered>;
  /** `client_credentials`: a client that asks for itself. */
  itself(client: ClientName, target: string): Promise<Answered>;
  person(of: keyof typeof PEOPLE, claims?: Claims): Promise<string>;
  agent(path: string, claims?: Claims): Promise<string>;
  job(claims?: Claims): Promise<string>;
  withdraw(withdrawal: Withdrawal): Promise<unknown>;
  lift(id: string): Promise<unknown>;
  close(): Promise<void>;
}

const people = { subjects: 'people' as const, audience: MCP };
const SOURCES: readonly SourceView[] = [
  source('staff', OIDC, { ...people, issuer: PEOPLE.staff }),
  source('partner', OIDC, { ...people, issuer: PEOPLE.partner }),
  source('mesh', SPIFFE, { issuer: MESH }),
  source('github', GITHUB, { require: { repository_owner_id: 65 } }),
  source('self', SELF, { subjects: 'people', issuer: AUDIENCE }),
  source('clients', CLIENT, { issuer: AUDIENCE }),
];
const VIEWS = Object.entries(TARGETS).map(([name, address]) =>
  target(name, {
    address,
    scopes: ['read', 'write', 'admin'],
    defaultScopes: ['read'],
    lifetimeSecondsMax: LIFETIME_MAX,
  }),
);

const policyFrom = (text: string): Policy =>
  createPolicy(policyOf(text, { sources: SOURCES, targets: VIEWS, clients: Object.keys(CLIENTS), issuer: AUDIENCE }));

interface Keys {
  readonly staff: PlatformKey;
  readonly partner: PlatformKey;
  readonly mesh: PlatformKey;
  readonly github: PlatformKey;
  readonly own: PlatformKey;
}

async function sourcesOf({ staff, partner, mesh, github: platform, own }: Keys): Promise<readonly SourceVerifier[]> {
  const idp = async (name: keyof typeof PEOPLE, key: PlatformKey) =>
    oidc.create(
      settingsOf(name, { audience: MCP, scopesAreCeiling: name === 'partner' }),
      {
        issuer: PEOPLE[name],
        subjects: 'people',
        tokens: ['jwt', 'access_token'],
        pins: [],
        presenter: 'client',
        privateNetwork: false,
      },
      await partsOf(key),
    );
  const trustDomain = { trustDomain: 'prod.example', bundle: { file: 'unused' }, privateNetwork: false };
  return [
    await idp('staff', staff),
    await idp('partner', partner),
    spiffe.create(settingsOf('mesh'), trustDomain, await partsOf(mesh)),
    github.create(settingsOf('github'), { privateNetwork: false }, await partsOf(platform)),
    self.create(settingsOf('self', { scopesAreCeiling: true }), {}, await partsOf(own)),
  ];
}

/** The same secret for all: who is who is said by the id. */
const SECRET = 'a secret of 256 bits';

async function snapshotOf(keys: Keys, policy: Policy): Promise<Snapshot> {
  const verifiers = createVerifiers(await sourcesOf(keys), AUDIENCE);
  const clients = createClients({
    clients: Object.entries(CLIENTS).map(([id, presents]) => ({
      id,
      presents,
      introspects: [],
      proofRequired: false,
      method: { by: 'secret', secrets: [{ sha256: sha256(SECRET), untilSeconds: undefined }] },
    })),
    verifiers,
    ownIssuer: AUDIENCE,
    tokenEndpoint: `${AUDIENCE}/token`,
  });
  const signer = { sign: (_: string, typ: string, claims: JsonObject) => keys.own.sign({ ...claims }, { typ }) };
  const issuers = Object.entries(TARGETS).map(([name, audience]): [string, Issuer] => [
    name,
    createAccessTokenIssuer({ issuer: AUDIENCE, audience, algorithm: 'ES256', signer }),
  ]);
  const ownTokens = createOwnTokens(AUDIENCE, (await partsOf(keys.own)).keys);
  return { generation: 1, clients, verifiers, policy, ownTokens, targetsOf: () => [], issuers: new Map(issuers) };
}

export async function openChainWorld(rules: string): Promise<ChainWorld> {
  const keys = await makeKeys();
  const clock = { now: NOW };
  const folder = mkdtempSync(join(tmpdir(), 'exchequer-chains-'));
  const epochs = createEpochs();
  const time = { nowSeconds: () => clock.now, elapsedMs: () => 0 };
  const { drained } = epochs;
  const store = await openMemoryStore({ directory: folder, clock: time, randomBytes, replica: 'one', drained });
  let snapshot = await snapshotOf(keys, policyFrom(rules));
  const answer = createAnswer({ snapshot: () => snapshot, store, epochs, clock: time });
  return {
    clock,
    rules(text) {
      snapshot = { ...snapshot, policy: policyFrom(text) };
    },
    exchange: (asked) => answer(receivedOf(asked)),
    itself: (client, asked) => answer(receivedOf({ client, target: asked, subject: undefined })),
    ...mintsOf(keys, clock),
    withdraw: (withdrawal) => store.add(withdrawal),
    lift: (id) => store.lift(id),
    async close() {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function makeKeys(): Promise<Keys> {
  const [staff, partner, mesh, platform, own] = await Promise.all([
    createPlatformKey('ES256'),
    createPlatformKey('ES256'),
    createPlatformKey('ES256', 'jwt-svid'),
    createPlatformKey('RS256'),
    createPlatformKey('ES256'),
  ]);
  return { staff, partner, mesh, github: platform, own };
}

const mintsOf = (keys: Keys, clock: ChainWorld['clock']): Pick<ChainWorld, 'person' | 'agent' | 'job'> => ({
  person: (of, claims) =>
    keys[of].sign({
      ...{ iss: PEOPLE[of], sub: 'alice', aud: MCP, iat: clock.now, exp: clock.now + 300 },
      ...claims,
    }),
  agent: (path, claims) =>
    keys.mesh.sign({ sub: `${MESH}/${path}`, aud: [AUDIENCE], iat: clock.now, exp: clock.now + 300, ...claims }),
  job: (claims) => keys.github.sign({ ...githubPush(AUDIENCE, clock.now), ...claims }),
});

/** The whole path, with the record of each answer. */
function createAnswer(parts: {
  readonly snapshot: () => Snapshot;
  readonly store: MemoryStore;
  readonly epochs: Epochs;
  readonly clock: Clock;
}): (received: Received) => Promise<Answered> {
  const { snapshot, store, clock, epochs } = parts;
  const records: ExchangeRecord[] = [];
  const observer = {
    finished: () => undefined,
    fault: (_decision: string, error: unknown) => {
      throw error;
    },
  };
  const write: Audit['write'] = async (record) =>
    void (record.event === 'exchange' && records.push(structuredClone(record)));
  const operate = createOperate({ audit: { write }, epochs, observer, clock, randomBytes });
  const proofs = { verify: () => Promise.reject(new Error('nobody sends a DPoP proof')) };
  const exchange = createExchange({ snapshot, spent: store, withdrawals: store, proofs, clock, operate });

  return async (received) => {
    const answered = Promise.withResolvers<Outcome>();
    await exchange(received, answered.resolve);
    const outcome = await answered.promise;
    const record = records.at(-1);
    if (!record || outcome.kind === 'failed') throw new Error('the exchange failed');
    const token = outcome.kind === 'granted' ? outcome.issued.token : '';
    return {
      said: outcome.kind === 'granted' ? 'granted' : String(record.reason),
      token,
      claims: token === '' ? {} : (decodeJwt(token) as JsonObject),
      record,
    };
  };
}

function receivedOf({
  subject,
  actor,
  client,
  target: asked,
  scopes,
}: Omit<Asked, 'subject'> & { readonly subject: string | undefined }): Received {
  const grantType = subject === undefined ? CLIENT_CREDENTIALS_GRANT : TOKEN_EXCHANGE_GRANT;
  const presented: PresentedClient =
    client === undefined ? NO_CLIENT : { ...NO_CLIENT, authorization: basic(client, SECRET) };
  return {
    transport: 'oauth',
    peer: '127.0.0.1',
    traceId: undefined,
    grantType,
    mtls: undefined,
    request: ok({
      grantType,
      subject: subject === undefined ? undefined : credential(subject),
      actor: actor === undefined ? undefined : credential(actor),
      requestedTokenType: ACCESS_TOKEN_TYPE,
      ask: { targets: [asked], scopes },
      client: presented,
      proof: undefined,
    }),
  };
}

const credential = (text: string): TokenCredential => ({ text, tokenType: JWT_TOKEN_TYPE });
