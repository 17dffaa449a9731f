// Kubernetes service account tokens, rows KB, asked of a whole broker with keys pinned by file. Keys fetched from elsewhere are in
// kubernetes-keys.test.ts.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPlatformKey, kubernetesProjected, type PlatformKey } from '../../src/adapters/cli/demo/platforms.ts';
import { refused } from '../support/attack.ts';
import { CLUSTER_ISSUER, POLICIES } from '../support/broker.ts';
import { createForge, type Json, setOf } from '../support/forge.ts';
import { openTlsServer, type TlsServer } from '../support/tls-server.ts';
import { defined, type Proving, startProving } from './proving.ts';
import { claimsOf } from './setting.ts';

const OLD_ISSUER = 'https://old.cluster.example';
const UPSTREAM = 'https://upstream.example/a/b/foo/';
const CLUSTER = createForge('RS256', 'cluster');
const RSA = createForge('RS256', 'rsa');
const STRANGER = createForge('RS256', 'stranger');
const UID = 'f5720c1d-e152-4356-a897-11b07aff165d';

const RULES = `
rules:
  - { name: pinned-uid, subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: batch, uid: ${UID} } }, allow: { ledger: all } }
  - { name: one-node, subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: agent, node: node-1.example } }, allow: { ledger: all } }
  - { name: both-issuers, subject: { trust: [cluster, cluster-old], kubernetes: { namespace: moving, serviceaccount: api } }, allow: { ledger: all } }
`;

let proving: Proving;
let others: Readonly<Record<'PS256' | 'ES512', PlatformKey>>;
beforeAll(async () => {
  others = { PS256: await createPlatformKey('PS256'), ES512: await createPlatformKey('ES512') };
  proving = await startProving(
    [
      `cluster-old: { kind: kubernetes, issuer: "${OLD_ISSUER}", jwks: { file: ./cluster.json } }`,
      `upstream: { kind: oidc, issuer: "${UPSTREAM}", subjects: workloads, presenter: self, tokens: [jwt], jwks: { file: ./upstream.json } }`,
    ],
    {
      files: {
        'cluster.json': setOf(CLUSTER.jwk),
        'upstream.json': setOf(RSA.jwk, others.PS256.jwk as Json, others.ES512.jwk as Json),
      },
      policies: { ...POLICIES, 'kubernetes.yaml': RULES },
      world: { permitLoopback: true },
    },
  );
});
afterAll(() => proving.stop());

interface Pod {
  readonly namespace?: unknown;
  readonly name?: unknown;
  readonly uid?: unknown;
  /** Members of `kubernetes.io`; undefined removes one. */
  readonly own?: Json;
  /** Registered claims; undefined removes one. */
  readonly more?: Json;
}

function claims({ namespace = 'payments', name = 'api', uid = UID, own = {}, more = {} }: Pod = {}): Json {
  const projected = kubernetesProjected(CLUSTER_ISSUER, proving.broker.issuer, proving.broker.now());
  const kubernetes = { ...(projected['kubernetes.io'] as Json), namespace, serviceaccount: defined({ name, uid }) };
  const sub = `system:serviceaccount:${namespace}:${name}`;
  return defined({ ...projected, sub, 'kubernetes.io': defined({ ...kubernetes, ...own }), ...more });
}

/** A cluster's header has no `typ`. */
const mounted = (pod: Pod = {}): string => CLUSTER.token(claims(pod), JSON.stringify({ alg: 'RS256', kid: 'cluster' }));
const ask = (pod: Pod = {}) => proving.ask(mounted(pod));
const now = () => proving.broker.now();
const issued = async (pod: Pod) => {
  const { body, text } = await proving.broker.exchange(mounted(pod));
  return body.access_token === undefined ? text : claimsOf(String(body.access_token));
};

interface Vectors {
  readonly usernames: readonly (readonly [string, string, string, boolean])[];
  readonly tokens: readonly {
    readonly name: string;
    readonly ours: string;
    readonly claims: Json;
    readonly without?: readonly string[];
    readonly signedBy?: 'PS256' | 'ES512' | 'stranger';
    readonly kid?: string;
    readonly alg?: string;
  }[];
}
const VECTORS: Vectors = JSON.parse(
  readFileSync(new URL('../vectors/kubernetes-tokens.json', import.meta.url), 'utf8'),
);

describe('projected tokens', () => {
  it.each([
    ['of today', {}],
    ['of 1.28, without jti and node', { own: { node: undefined }, more: { jti: undefined } }],
    ['without nbf', { more: { nbf: undefined } }],
    ['with a warnafter that is still ahead', { own: { warnafter: 9_999_999_999 } }],
    ['with aud as a text', { more: { aud: undefined } }],
  ])('KB-01 take one %s', async (title, pod: Pod) => {
    const aud = title.includes('as a text') ? { aud: proving.broker.issuer } : {};
    expect(await proving.prove(mounted({ ...pod, more: defined({ ...pod.more, ...aud }) }))).toBe(
      'cluster:system:serviceaccount:payments:api',
    );
  });

  it.each(VECTORS.usernames)('KB-01 namespace %j and name %j with sub %j: %s', async (namespace, name, sub, agree) => {
    const expected = agree ? `cluster:${sub}` : refused('claim_invalid');
    expect(await proving.prove(mounted({ namespace, name, more: { sub } }))).toBe(expected);
  });

  it.each<[string, Pod, string]>([
    ['no namespace', { own: { namespace: undefined } }, 'claim_missing'],
    ['no service account', { own: { serviceaccount: undefined } }, 'claim_missing'],
    ['a namespace that is a number', { namespace: 5 }, 'claim_invalid'],
    ['a service account that is a text', { own: { serviceaccount: 'api' } }, 'claim_missing'],
    ['no claims of Kubernetes', { more: { 'kubernetes.io': undefined } }, 'claim_missing'],
    [
      'dotted names in place of nested ones',
      { more: { 'kubernetes.io': undefined, 'kubernetes.io.namespace': 'payments' } },
      'claim_missing',
    ],
    ['no sub', { more: { sub: undefined } }, 'claim_missing'],
    ['the sub of a person', { more: { sub: 'system:admin' } }, 'claim_invalid'],
  ])('KB-01 refuse one with %s', async (_title, pod, reason) => expect(await ask(pod)).toBe(refused(reason)));

  it('KB-02 refuse one for the API server, alone or beside us', async () => {
    const { issuer } = proving.broker;
    for (const aud of [
      ['https://kubernetes.default.svc'],
      ['https://kubernetes.default.svc.cluster.local', 'k3s'],
      [CLUSTER_ISSUER],
      [issuer, CLUSTER_ISSUER],
      ['sts.amazonaws.com'],
      ['api://AzureADTokenExchange'],
    ])
      expect(await ask({ more: { aud } }), String(aud)).toBe(refused('audience_mismatch'));
  });

  it('KB-03 end an extended one at warnafter, and what is issued with it', async () => {
    const year = { exp: now() + 31_536_000 };
    expect(await ask({ more: year })).toBe(refused('lifetime_too_long'));
    expect(await ask({ more: year, own: { warnafter: now() + 3_607 } })).toBe(refused('lifetime_too_long'));
    const end = now() + 90;
    expect(await issued({ own: { warnafter: end } })).toMatchObject({ exp: end });
    expect(await issued({})).not.toMatchObject({ exp: end }); // the control: the target's own lifetime
    expect(await ask({ own: { warnafter: now() - 60 } })).toBe(refused('expired'));
    for (const warnafter of ['soon', null, -1])
      expect(await ask({ own: { warnafter } })).toBe(refused('claim_invalid'));
  });

  it('KB-03 take the day that webhooks of clouds ask for, and no more than a day and an hour', async () => {
    expect(await ask({ more: { exp: now() + 86_400 } })).toBe('granted');
    expect(await ask({ more: { exp: now() + 90_060 } })).toBe(refused('lifetime_too_long'));
  });

  it('KB-04 refuse legacy secret tokens, whoever signed them and whatever is added to them', async () => {
    const legacy = {
      iss: 'kubernetes/serviceaccount',
      'kubernetes.io/serviceaccount/namespace': 'payments',
      'kubernetes.io/serviceaccount/secret.name': 'api-token-abcde',
      'kubernetes.io/serviceaccount/service-account.name': 'api',
      'kubernetes.io/serviceaccount/service-account.uid': UID,
      sub: 'system:serviceaccount:payments:api',
    };
    const present = (more: Json) => proving.ask(CLUSTER.token({ ...legacy, ...more }));
    expect(await present({})).toBe(refused('issuer_unknown'));
    expect(await present({ iss: CLUSTER_ISSUER })).toBe(refused('claim_missing'));
    expect(await present({ iss: CLUSTER_ISSUER, aud: proving.broker.issuer })).toBe(refused('claim_missing'));
    expect(await present({ iss: CLUSTER_ISSUER, ...proving.times() })).toBe(refused('claim_missing'));
  });

  it.each<[string, Json, string]>([
    ['a pod', { node: undefined }, 'granted'],
    ['a node alone', { pod: undefined }, 'granted'],
    ['a secret', { pod: undefined, node: undefined, secret: { name: 's', uid: 'u' } }, 'granted'],
    ['nothing', { pod: undefined, node: undefined }, refused('claim_missing')],
    ['a text', { pod: 'api', node: undefined }, refused('claim_missing')],
    ['null', { pod: null, node: null }, refused('claim_missing')],
  ])('KB-05 one bound to %s', async (_title, own, expected) => expect(await ask({ own })).toBe(expected));

  it('KB-05 tell a recreated service account by its uid, where a rule pins it', async () => {
    expect(await ask({ name: 'batch' })).toBe('granted');
    expect(await ask({ name: 'batch', uid: '00000000-0000-4000-8000-000000000000' })).toMatch(/no_rule$/);
    expect(await ask({ name: 'batch', own: { serviceaccount: { name: 'batch' } } })).toBe(refused('claim_missing'));
  });

  it('KB-10 come from two issuers during a migration, each a source of its own over the same keys', async () => {
    expect(await ask({ namespace: 'moving' })).toBe('granted');
    expect(await ask({ namespace: 'moving', more: { iss: OLD_ISSUER } })).toBe('granted');
    expect(await proving.prove(mounted({ namespace: 'moving', more: { iss: OLD_ISSUER } }))).toMatch(/^cluster-old:/);
    expect(await ask({ namespace: 'moving', more: { iss: `${OLD_ISSUER}/` } })).toBe(refused('issuer_unknown'));
    // A rule that names one issuer speaks of no other.
    expect(await ask({ more: { iss: OLD_ISSUER } })).toMatch(/no_rule$/);
  });

  it('KB-12 bound to a node are read, and a rule can require the node', async () => {
    const node = (name: string) => ({ pod: undefined, node: { name, uid: 'n' } });
    expect(await ask({ name: 'agent', own: node('node-1.example') })).toBe('granted');
    expect(await ask({ name: 'agent', own: node('node-2.example') })).toMatch(/no_rule$/);
    expect(await ask({ name: 'agent', own: { node: undefined } })).toMatch(/no_rule$/);
    expect(await ask({ name: 'agent', own: node('NODE-1.example') })).toMatch(/no_rule$/);
  });
});

describe("the cases of the API server's own OIDC authenticator", () => {
  let elsewhere: TlsServer;
  beforeAll(async () => {
    elsewhere = await openTlsServer((_request, response) => response.end('{}'));
  });
  afterAll(() => elsewhere[Symbol.asyncDispose]());

  it.each(VECTORS.tokens)('KB-09 $name: $ours', async ({ ours, claims: given, without = [], signedBy, kid, alg }) => {
    const good = { iss: UPSTREAM, sub: 'jane', ...proving.times() };
    const written = JSON.stringify({ ...good, ...given })
      .replaceAll('$AUD', proving.broker.issuer)
      .replaceAll('$ELSEWHERE', elsewhere.url);
    const all: Json = JSON.parse(written);
    const kept = Object.fromEntries(Object.entries(all).filter(([name]) => !without.includes(name)));
    const forge = signedBy === 'stranger' ? STRANGER : RSA;
    const token =
      signedBy === 'PS256' || signedBy === 'ES512'
        ? await others[signedBy].sign(kept)
        : forge.token(kept, defined({ kid: kid ?? forge.kid, alg: alg ?? forge.alg }));
    expect(await proving.prove(token)).toBe(ours === 'proved' ? 'upstream:jane' : refused(ours));
    // Whatever claims point elsewhere, nothing is fetched.
    expect(elsewhere.seen).toHaveLength(0);
  });
});
