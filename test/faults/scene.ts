// A whole broker between its callers and an origin that is broken on purpose: `login` takes its keys from the origin over TLS,
// `mesh` has them in a file and must never notice. Both clocks of the broker can be moved on.

import { expect, vi } from 'vitest';
import { jwtSvid } from '../../src/adapters/cli/demo/platforms.ts';
import type { BrokerWorld } from '../../src/compose-state.ts';
import { startTestBroker, type TestBroker, type TestBrokerOptions } from '../support/broker.ts';
import { createForge, type Forge, type Json } from '../support/forge.ts';
import { load, type Measured, SCALE } from './load.ts';
import type { Origin } from './origin.ts';

export interface Scene extends AsyncDisposable {
  readonly broker: TestBroker;
  /** Moves the broker's clocks on, the wall's and the monotonic one. */
  skip(seconds: number): void;
  /** A token of the origin's issuer; `header` and `claims` replace members of it. */
  token(forge: Forge, header?: Json, claims?: Json): string;
  claims(): Json;
  /** A token whose `kid` nobody knows. */
  unknown(): string;
  /** The status that a subject token is answered with. */
  status(token: string): Promise<number>;
  /** A token of the source whose keys are in a file. */
  readonly mesh: () => Promise<string>;
  readyz(): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }>;
  /** Lines of /metrics with this beginning, without what comes before the value. */
  metric(line: string): Promise<number | undefined>;
  /** What was logged about fetches that failed. */
  warnings(): readonly Readonly<Record<string, unknown>>[];
}

export interface SceneOptions {
  readonly origin: Origin;
  /** By its discovery document, instead of by the URL of its key set. */
  readonly discovery?: boolean;
  readonly world?: Partial<BrokerWorld>;
  readonly broker?: TestBrokerOptions;
}

const FILED =
  'issuer: https://login.example, subjects: workloads, presenter: self, tokens: [jwt, id_token, access_token], jwks: { file: ./login.json }';

export async function openScene({ origin, discovery = false, world, broker: more }: SceneOptions): Promise<Scene> {
  let aheadMs = 0;
  const issuer = discovery ? origin.issuer : 'https://login.example';
  const keys = discovery ? '' : `, jwks: { url: "${origin.url}", ca: ./origin-ca.crt }`;
  const fetched = `issuer: "${issuer}", subjects: workloads, presenter: self, tokens: [jwt]${keys}`;
  const now = (): number => (Date.now() + aheadMs) / 1_000;
  const broker = await startTestBroker({
    ...more,
    config: (yaml) => (more?.config ?? same)(yaml.replace(FILED, fetched)),
    files: { 'origin-ca.crt': origin.ca, ...more?.files },
    world: {
      clock: { nowSeconds: now, elapsedMs: () => performance.now() + aheadMs },
      permitLoopback: true,
      ...world,
    },
  });
  const stranger = createForge('ES256', 'nobody');
  const observe = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${broker.observePort}${path}`);
  let unknowns = 0;
  let cached: { readonly token: Promise<string>; readonly untilSeconds: number } | undefined;

  const claims = (): Json => {
    const seconds = Math.floor(now());
    return { iss: issuer, sub: 'worker-1', aud: broker.issuer, iat: seconds, exp: seconds + 300 };
  };
  const token: Scene['token'] = (forge, header = {}, more = {}) => forge.token({ ...claims(), ...more }, header);
  return {
    broker,
    skip(seconds) {
      aheadMs += seconds * 1_000;
    },
    claims,
    token,
    unknown() {
      unknowns += 1;
      return token(stranger, { kid: `unknown-${unknowns}` });
    },
    status: async (subject) => (await broker.exchange(subject)).status,
    mesh() {
      if (!cached || cached.untilSeconds < now()) {
        const claims = jwtSvid('spiffe://prod.example/ns/payments/sa/api', broker.issuer, Math.floor(now()));
        cached = { token: broker.keys.mesh.sign(claims), untilSeconds: now() + 60 };
      }
      return cached.token;
    },
    async readyz() {
      const answer = await observe('/readyz');
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    },
    async metric(line) {
      const text = await (await observe('/metrics')).text();
      const found = text.split('\n').find((one) => one.startsWith(`${line} `));
      return found === undefined ? undefined : Number(found.slice(line.length + 1));
    },
    warnings: () =>
      broker
        .logged()
        .split('\n')
        .filter((line) => line.includes('keys could not be fetched'))
        .map((line): Record<string, unknown> => JSON.parse(line)),
    [Symbol.asyncDispose]: () => broker.stop(),
  };
}

const same = (yaml: string): string => yaml;

/** Until tokens of this key are taken: the positive control of every fault, before it and after it. */
export const taken = (scene: Scene, forge: Forge): Promise<void> =>
  vi.waitFor(async () => expect(await scene.status(scene.token(forge))).toBe(200), { timeout: 10_000, interval: 20 });

/** Tokens of a known key, at a rate. */
export const knownLoad = (scene: Scene, forge: Forge, perSecond: number, seconds: number): Promise<Measured> =>
  load({ perSecond, seconds: seconds * SCALE, send: () => scene.status(scene.token(forge)) });

/** Tokens of a known key and, between them, of the source that is not broken: what the machine does to one it does to both. */
export async function besides(scene: Scene, forge: Forge, perSecond: number, seconds: number) {
  const send = async (): Promise<number> => scene.status(await scene.mesh());
  const control = load({ perSecond, seconds: seconds * SCALE, send });
  return { known: await knownLoad(scene, forge, perSecond, seconds), control: await control };
}

/** Nothing failed, and p99 is within a bound; on a machine that is too busy for that, within twice that of the other source. */
export function expectServed({ known, control }: Awaited<ReturnType<typeof besides>>, p99MsMax: number): void {
  expect(known.statuses).toEqual({ 200: known.count });
  expect(control.statuses).toEqual({ 200: control.count });
  expect(known.p99).toBeLessThan(Math.max(p99MsMax, 2 * control.p99));
}

export const timed = async <Value>(work: Promise<Value>): Promise<{ value: Value; ms: number }> => {
  const begun = performance.now();
  return { value: await work, ms: Math.round(performance.now() - begun) };
};
