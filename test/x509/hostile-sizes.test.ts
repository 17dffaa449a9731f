// The largest certificates that somebody can present, over mutual TLS to a running broker: each is answered, or its
// handshake refused, in under 50 ms, and the event loop is held no longer. The time is that of a new connection with its handshake and
// first answer, client included, since both run here; reading the client's own certificates is left out.

import { generateKeyPairSync } from 'node:crypto';
import { Agent } from 'node:https';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createSecureContext } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quietest, report } from '../faults/load.ts';
import { formOf } from '../support/broker.ts';
import { dns, uri } from '../vectors/x509/encode.ts';
import { createMint, ID, makeKeys, names } from '../vectors/x509/mint.ts';
import { openPresenter, type Presenter, pem } from './presenter.ts';

const NOW = Date.UTC(2026, 0, 15, 12) / 1_000;
const KEYS = makeKeys();
const MINT = createMint(KEYS, NOW);
const MS_MAX = 50;
const TIMES = 5;

let presenter: Presenter;
beforeAll(async () => {
  presenter = await openPresenter(NOW);
});
afterAll(() => presenter[Symbol.asyncDispose]());

const KEY = String(KEYS.leaf.privateKey.export({ format: 'pem', type: 'pkcs8' }));
const hosts = (count: number) => Array.from({ length: count }, (_, index) => dns(`host-${index}.workloads.td.example`));
const named = (count: number): Buffer => MINT.leaf({ extensions: { names: names(uri(ID), ...hosts(count)) } });
const large = (): Buffer => MINT.middle({ extensions: { names: names(...hosts(1_000)) } });
const spki = (namedCurve: string): Buffer =>
  generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'der', type: 'spki' });
const others = (count: number, namedCurve: string): Buffer[] =>
  Array.from({ length: count }, () => MINT.middle({ spki: spki(namedCurve) }));
const otherRoots = (count: number): Buffer[] => Array.from({ length: count }, () => MINT.root({ spki: spki('P-256') }));

interface Shown {
  readonly chain: readonly Buffer[];
  readonly anchors?: readonly Buffer[];
  readonly end: string | RegExp;
}

const SIZES: readonly (readonly [string, () => Shown])[] = [
  ['a good chain', () => ({ chain: [MINT.leaf(), MINT.middle()], end: 'granted' })],
  [
    'a hundred authorities with one subject, the right one last',
    () => ({ chain: [MINT.leaf(), MINT.middle()], anchors: [...otherRoots(99), MINT.root()], end: 'granted' }),
  ],
  [
    'a hundred certificates with one subject',
    () => ({ chain: [MINT.leaf(), ...others(99, 'P-256'), MINT.middle()], end: 'chain_too_long' }),
  ],
  [
    'as many as are read, with one subject and slow keys',
    () => ({ chain: [MINT.leaf(), ...others(15, 'P-521')], end: 'path_too_costly' }),
  ],
  ['a thousand names', () => ({ chain: [named(1_000), MINT.middle()], end: 'granted' })],
  ['more names than anybody has', () => ({ chain: [named(1_500), MINT.middle()], end: 'names_too_many' })],
  ['90 KiB of certificates', () => ({ chain: [named(1_000), large(), large(), MINT.middle()], end: 'granted' })],
  [
    'certificates of 130 kB',
    () => ({ chain: [MINT.leaf(), large(), large(), large(), large(), MINT.middle()], end: /^ERR_SSL_/ }),
  ],
];

/** One new connection and its first answer; what the client itself has to read is read before. */
async function once(cert: string): Promise<{ ms: number; heldMs: number; end: string }> {
  const { broker } = presenter;
  const agent = new Agent({ secureContext: createSecureContext({ cert, key: KEY, ca: broker.ca }) });
  const call = (options: object, body?: string) => broker.call({ agent, ...options }, body);
  const token = (form: Record<string, string>) =>
    call(
      { method: 'POST', path: '/token', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      formOf(form),
    );
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const begun = performance.now();
  const end = await presenter.ask({ ...broker, call, token: (form) => token(form as never), close: () => undefined });
  const ms = performance.now() - begun;
  delay.disable();
  agent.destroy();
  return { ms, heldMs: delay.max / 1e6, end };
}

describe('the largest certificates that are presented', () => {
  it.each(SIZES)('A-87, A-90, A-91 %s: answered in time', async (title, make) => {
    const { chain, anchors = [MINT.root()], end } = make();
    await presenter.trust(anchors);
    const cert = chain.map(pem).join('');
    const measure = async () => {
      const all = [];
      for (let time = 0; time < TIMES; time += 1) all.push(await once(cert));
      for (const one of all) expect(one.end).toMatch(end);
      return { ms: median(all.map(({ ms }) => ms)), heldMs: median(all.map(({ heldMs }) => heldMs)) };
    };
    const { ms, heldMs } = await quietest(measure, (found) => found.ms < MS_MAX && found.heldMs < MS_MAX);
    const bytes = chain.reduce((sum, der) => sum + der.length, 0);
    report(`A-90 ${title}`, { bytes, ms: Math.round(ms * 10) / 10, heldMs: Math.round(heldMs * 10) / 10 });
    expect(ms).toBeLessThan(MS_MAX);
    expect(heldMs).toBeLessThan(MS_MAX);
  });

  it('A-90 the certificates of a connection are read once, however many requests it brings', async () => {
    await presenter.trust([MINT.root()]);
    const caller = presenter.connect({ chain: [named(1_000), large(), large(), MINT.middle()], key: KEY });
    expect(await presenter.ask(caller)).toBe('granted');
    const took: number[] = [];
    for (let time = 0; time < 20; time += 1) {
      const begun = performance.now();
      expect(await presenter.ask(caller)).toBe('granted');
      took.push(performance.now() - begun);
    }
    caller.close();
    report('A-90 on a living connection', { ms: Math.round(median(took) * 10) / 10 });
    expect(median(took)).toBeLessThan(MS_MAX / 2);
  });
});

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
