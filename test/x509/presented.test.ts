// Every vector of test/vectors/x509 that OpenSSL presents, over mutual TLS to a running broker: what its record says of the certificates
// is compared, and the twin without the defect is granted a token (SX-01 to SX-09, A-67 to ). The vectors that
// nobody can present are listed with the reason; vectors.test.ts judges them without TLS.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSpiffeId } from '../../src/parsing/spiffe-id.ts';
import { makeVectors } from '../vectors/x509/catalogue.ts';
import type { Presented } from '../vectors/x509/vector.ts';
import { idIn, openPresenter, type Presenter } from './presenter.ts';

const NOW = Date.UTC(2026, 0, 15, 12) / 1_000;
const VECTORS = makeVectors(NOW);
const ALL = Object.values(VECTORS).flat();

let presenter: Presenter;
beforeAll(async () => {
  presenter = await openPresenter(NOW, [...new Set(ALL.map(({ good }) => idIn(good.chain[0])))]);
});
afterAll(() => presenter[Symbol.asyncDispose]());

async function judged({ chain, key, anchors }: Presented, id?: string): Promise<string> {
  await presenter.trust(anchors);
  const caller = presenter.connect({ chain, key });
  return presenter.ask(caller, id).finally(caller.close);
}

const GROUPS = [
  ['the SPIFFE profile (SX-01 to SX-07, A-67 to A-70, A-75 to A-78, A-85 to A-89)', VECTORS.profile],
  ['encodings (A-74, A-91)', VECTORS.encodings],
  ['paths (SX-08, A-71 to A-74, A-77, A-90)', VECTORS.paths],
  ['name constraints (A-79)', VECTORS.constraints],
  ['algorithms and keys (A-92)', VECTORS.algorithms],
] as const;

/** Their twins are in the last second of their validity: proved, and nothing can be issued that would end with it. */
const LAST_SECOND = [
  'an end before its beginning',
  'the leaf expired one second ago',
  'the middle expired one second ago',
  'the root expired one second ago',
];

/** The authorities of another trust domain would be asked, and nobody has configured it. */
const isOfAnother = ({ chain: [leaf] }: Presented): boolean => {
  const domain = parseSpiffeId(idIn(leaf))?.trustDomain;
  return domain !== undefined && domain !== 'td.example';
};

describe.each(GROUPS)('presented over mutual TLS: %s', (_group, vectors) => {
  const shown = vectors.filter(({ bad }) => bad.unpresentable === undefined);
  it.each(shown)(
    '$name ($of) is recorded as $expected, and its twin is granted',
    async ({ name, bad, good, expected }) => {
      expect(await judged(bad)).toBe(isOfAnother(bad) ? 'invalid_client issuer_unknown' : expected);
      if (good.unpresentable !== undefined) return;
      const end = LAST_SECOND.includes(name) ? 'invalid_request expired' : 'granted';
      const twin = await judged(good, idIn(good.chain[0]));
      expect(twin).toBe(isOfAnother(good) ? 'invalid_client issuer_unknown' : end);
    },
  );
});

/** How it ends where somebody tries all the same, for those that OpenSSL does not simply refuse to load, or to shake hands with. */
const TRIED: Readonly<Record<string, string>> = {
  // Sent whole after all: only the next one is too large for a handshake.
  'an ID of 100 kB': 'certificate_too_large',
  'unused bits in the signature': 'der',
  // What arrives is good: the client's OpenSSL read them leniently and wrote them anew, in DER.
  'an indefinite length': 'granted',
  'a length in more bytes than it needs': 'granted',
  'a tag number of several bytes': 'granted',
  'an intermediate with a byte behind it': 'granted',
};

describe('vectors that nobody presents as they stand', () => {
  const kept = ALL.flatMap(({ name, bad }) => (bad.unpresentable === undefined ? [] : [{ name, bad }]));

  it.each(kept)('$name: $bad.unpresentable', async ({ name, bad }) => {
    const end = await judged(bad).catch((error: NodeJS.ErrnoException) => error.code ?? error.message);
    // Without a certificate that fits its key a client sends none.
    const refused = /^(?:ERR_OSSL_|ERR_SSL_|SSL_CTX_)|^invalid_client client_credential_refused$/;
    expect(end).toMatch(TRIED[name] ?? refused);
  });

  it('are those that are known by name', () => {
    expect(kept).toHaveLength(45);
    const reasons = new Set(kept.map(({ bad }) => bad.unpresentable));
    expect([...reasons].sort()).toEqual([
      'Node drops what is behind a PEM block’s DER',
      'OpenSSL does not load it',
      'OpenSSL does not load so weak a key',
      'OpenSSL may write it anew, in DER',
      'OpenSSL refuses a handshake message of that size',
      'TLS 1.3 has no signature algorithm for it',
      'the private key at hand is another',
      'there is nothing to present',
    ]);
  });
});
