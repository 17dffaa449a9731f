// A trail of many requests with a few planted among them whose answer another policy changes, each by its decision: what `diff --against` must
// find, and nothing else. Records are made by the real decision and written as the audit writes them.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { renderCoalesced } from '../../src/audit/coalesce.ts';
import { toLine } from '../../src/audit/record.ts';
import { renderSystem } from '../../src/audit/system.ts';
import { offlineReach, readConfiguration } from '../../src/compose-configuration.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { Policy } from '../../src/core/ports.ts';
import type { Principal } from '../../src/core/principal.ts';
import { createPolicy } from '../../src/policy/decide.ts';
import type { OfflineFolder } from './offline-folder.ts';
import { type Asking, lineOf } from './recorded.ts';

export const NOW = 1_790_000_000;

export const TRUST = `
trust:
  github: { kind: github, jwks: { file: ./github.json }, require: { repository_owner_id: 65, event_name: [push, workflow_dispatch] } }
  cluster: { kind: kubernetes, issuer: https://kubernetes.default.svc.cluster.local, jwks: { file: ./cluster.json } }
  mesh: { kind: spiffe, trustDomain: prod.example, bundle: { file: ./mesh.json } }
targets:
  ledger: { kind: token, audience: https://api.example/ledger, scopes: { read: {}, write: {} }, defaultScopes: [read] }
  deploy: { kind: token, audience: https://deploy.example, lifetime: 15m }
  site: { kind: token, audience: "https://sites.example/<site>" }
`;

/** Longer than a record keeps: cut there, with a hash of the whole. */
export const LONG = ['main', 'next'].map(
  (branch) => `example/shop/.github/workflows/${'x'.repeat(260)}.yml@refs/heads/${branch}`,
);

const rule = (id: number, more = '', lifetime = '10m'): string => `
  - name: repository-${id}
    subject: { trust: github, github: { repository_id: ${id}, environment: production, ref: refs/heads/main${more} } }
    allow: [deploy]
    lifetime: ${lifetime}`;

const common = `
  - name: payments
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: { ledger: [read] }
  - name: never-mallory
    subject: { trust: github, github: { actor_id: 13 } }
    deny: all
  - name: trial
    mode: preview
    subject: { trust: github, github: { repository_id: 205, environment: production, ref: refs/heads/main } }
    allow: [deploy]
  - name: trial-deny
    mode: preview
    subject: { trust: github, github: { repository_id: 110 } }
    deny: [deploy]`;

const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

/** What decided then: 140 repositories, one of them by a rule to be retired. */
export const BEFORE = `rules:${range(100, 240)
  .filter((id) => id < 200 || id > 219)
  .map((id) => rule(id))
  .join('')}${common}`;

/** What each repository has planted, and the flip that follows. */
const PLANTED: readonly {
  readonly id: number;
  readonly claims?: JsonObject;
  readonly flip: 'refused' | 'granted' | 'changed' | 'untold' | undefined;
}[] = [
  // Its rule is gone.
  { id: 230, flip: 'refused' },
  // Its rule names a workflow whose name is cut in records: told by the hash.
  { id: 231, claims: { workflow_ref: LONG[0] ?? '' }, flip: undefined },
  { id: 231, claims: { workflow_ref: LONG[1] ?? '' }, flip: 'refused' },
  // Its rule names a claim that nothing named before: recorded by its name only, or not there.
  { id: 232, claims: { team: 'red' }, flip: 'untold' },
  { id: 232, flip: 'refused' },
  // Its rule has a pattern, of which a hash says nothing.
  { id: 233, claims: { workflow_ref: LONG[0] ?? '' }, flip: 'untold' },
  { id: 233, claims: { workflow_ref: 'example/shop' }, flip: undefined },
  // Its rule grants for a shorter time.
  { id: 234, flip: 'changed' },
  // A rule for it is new; one beside a deny.
  { id: 219, flip: 'granted' },
  { id: 219, claims: { actor_id: '13' }, flip: undefined },
];

export const AFTER = `rules:${range(100, 230)
  .filter((id) => id < 200 || id > 218)
  .map((id) => rule(id))
  .join('')}${range(235, 240)
  .map((id) => rule(id))
  .join('')}${rule(231, `, workflow_ref: "${LONG[0]}"`)}
  - name: repository-232
    subject: { trust: github, github: { repository_id: 232, environment: production, ref: refs/heads/main }, claims: { team: red } }
    allow: [deploy]${rule(233, ', workflow_ref: example/*')}${rule(234, '', '1m')}${common}`;

const github = (id: number, more: JsonObject = {}): JsonObject => ({
  iss: 'https://token.actions.githubusercontent.com',
  aud: 'https://sts.example',
  sub: `repo:example@65/shop@${id}:environment:production`,
  repository: `example/shop-${id}`,
  repository_id: String(id),
  repository_owner: 'example',
  repository_owner_id: '65',
  event_name: 'push',
  ref: 'refs/heads/main',
  ref_type: 'branch',
  environment: 'production',
  actor: 'octocat',
  actor_id: '12',
  workflow: 'Release',
  runner_environment: 'github-hosted',
  job_workflow_ref: `example/shop-${id}/.github/workflows/release.yml@refs/heads/main`,
  jti: 'one-for-all',
  check_run_id: '45912345678',
  exp: NOW + 600,
  iat: NOW,
  nbf: NOW - 600,
  ...more,
});

const pod = (serviceaccount: string): JsonObject => ({
  iss: 'https://kubernetes.default.svc.cluster.local',
  aud: 'https://sts.example',
  exp: NOW + 600,
  iat: NOW,
  sub: `system:serviceaccount:payments:${serviceaccount}`,
  'kubernetes.io': {
    namespace: 'payments',
    serviceaccount: { name: serviceaccount, uid: `uid-of-${serviceaccount}` },
    pod: { name: 'api-5f6d', uid: 'uid-of-pod' },
  },
});

export interface LongTrail {
  readonly file: string;
  readonly flips: ReadonlyMap<string, string>;
  readonly undecided: number;
  readonly lines: number;
}

/** Writes it, decided by the folder's configuration. */
export async function writeLongTrail(folder: OfflineFolder, lines: number, name = 'long.jsonl'): Promise<LongTrail> {
  const world = {
    clock: { nowSeconds: () => NOW, elapsedMs: () => 0 },
    randomBytes: (count: number) => new Uint8Array(randomBytes(count)),
    env: {},
  };
  const read = await readConfiguration(world, folder.config, offlineReach(world));
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const { compiled, sources } = read.configuration;
  const principal = (source: string, claims: JsonObject): Principal => {
    const assumed = sources.find(({ config }) => config.name === source)?.verifier.assume(claims);
    if (!assumed?.ok) throw new Error(`the test's own principal proves nothing: ${JSON.stringify(assumed)}`);
    return assumed.value;
  };
  const file = folder.path(name);
  const text: string[] = [];
  const policy = createPolicy(compiled);
  const flips = new Map<string, string>();
  let undecided = 0;
  for (let index = 0; index < lines; index += 1) {
    const decision = `D${String(index).padStart(7, '0')}`;
    const planted = index % 997 === 400 ? PLANTED[Math.floor(index / 997) % PLANTED.length] : undefined;
    if (planted?.flip) flips.set(decision, planted.flip);
    const { line, counts } = planted
      ? { line: lineOf(policy, github1(principal, planted.id, planted.claims, index), decision), counts: 0 }
      : ordinary(policy, principal, index, decision);
    undecided += counts;
    text.push(line);
  }
  writeFileSync(file, `${text.join('\n')}\n`);
  return { file, flips, undecided, lines };
}

type Make = (source: string, claims: JsonObject) => Principal;

const github1 = (principal: Make, id: number, claims: JsonObject | undefined, index: number): Asking => ({
  subject: principal('github', github(id, claims)),
  targets: ['deploy'],
  time: NOW + index / 10,
});

/** What everybody does all day. `counts`: requests in the line that policy did not decide. */
function ordinary(
  policy: Policy,
  principal: Make,
  index: number,
  decision: string,
): { readonly line: string; readonly counts: number } {
  const time = NOW + index / 10;
  const kind = index % 20;
  const id = 100 + (index % 100);
  const told = (asking: Asking, counts = 0) => ({ line: lineOf(policy, { time, ...asking }, decision), counts });
  if (kind === 0) {
    const shared = {
      peer: '192.0.2.7',
      since: time,
      until: time,
      count: 7,
      reasons: { expired: 7 },
      transport: 'oauth',
    };
    return { line: toLine(renderCoalesced(shared)), counts: 7 };
  }
  if (kind === 1) return { line: toLine(renderSystem({ event: 'stop', why: 'signal' }, time, {})), counts: 0 };
  if (kind === 2) {
    const refusedAfter = { reason: 'replayed', role: 'subject', source: 'github', spentBy: 'D1' } as const;
    return told({ ...github1(principal, id, undefined, index), refusedAfter }, 1);
  }
  if (kind === 3) return told(github1(principal, id, { actor_id: '13' }, index));
  if (kind === 4) return told(github1(principal, 200 + (index % 19), undefined, index));
  if (kind === 5)
    return told({ subject: principal('cluster', pod('api')), targets: ['ledger'], scopes: ['read', 'write'] });
  if (kind === 6) {
    const targets = [`https://sites.example/shop-${index % 3}`];
    return told({ subject: principal('cluster', pod('web')), targets });
  }
  if (kind === 7) return told({ subject: principal('cluster', pod('web')), targets: ['site'] });
  if (kind === 8) return told({ subject: principal('cluster', pod('api')), targets: ['https://api.example/nothing'] });
  if (kind === 9)
    return told({ subject: principal('cluster', pod('api')), targets: ['HTTPS://API.example:443/ledger'] });
  return told(github1(principal, id, undefined, index));
}
