// Every certificate vector, inspected: each bad chain has a line that says what the judge of the broker says, with its section, and its
// twin has none. So an inspection is never kinder or stricter than the broker.

import { describe, expect, it } from 'vitest';
import { inspectChain } from '../../../src/adapters/cli/inspect-x509.ts';
import { readCertificate } from '../../../src/x509/certificate.ts';
import { CERTIFICATE_PROBLEMS } from '../../../src/x509/problems.ts';
import { makeVectors } from '../../vectors/x509/catalogue.ts';
import type { Presented } from '../../vectors/x509/vector.ts';

const NOW = Date.UTC(2026, 0, 15, 12) / 1000;

async function found({ chain, anchors }: Presented): Promise<readonly string[]> {
  const { checks } = await inspectChain('X.509-SVID', {
    ders: chain,
    // Keys of some vectors are made by hand, and are nobody's.
    keys: [],
    anchorsOf: async () =>
      anchors.map((der) => readCertificate(der)).flatMap((one) => (one.ok ? [one.certificate] : [])),
    trustDomain: undefined,
    purposes: ['client'],
    nowSeconds: NOW,
  });
  return checks.filter(({ ok }) => ok === false).map(({ says, section }) => `${says} [${section}]`);
}

describe('an inspection', () => {
  const vectors = Object.values(makeVectors(NOW)).flat();

  it.each(vectors)('of $name ($of) says $expected, and of its twin nothing', async ({ bad, good, expected }) => {
    const { says, section } = CERTIFICATE_PROBLEMS[expected];
    expect(await found(bad)).toEqual([`${says} [${section}]`]);
    expect(await found(good)).toEqual([]);
  });
});
