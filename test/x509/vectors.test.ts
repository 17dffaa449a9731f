// Every vector of test/vectors/x509: refused for its one defect, with the exact problem, and its twin without the defect proved.

import { describe, expect, it } from 'vitest';
import { readCertificate } from '../../src/x509/certificate.ts';
import { readChain } from '../../src/x509/chain.ts';
import { CERTIFICATE_PROBLEMS } from '../../src/x509/problems.ts';
import { judgeSvid } from '../../src/x509/svid.ts';
import { makeVectors } from '../vectors/x509/catalogue.ts';
import type { Presented } from '../vectors/x509/vector.ts';

const NOW = Date.UTC(2026, 0, 15, 12) / 1000;
const VECTORS = makeVectors(NOW);

function judge({ chain, anchors }: Presented): string {
  const read = readChain(chain);
  if (!read.ok) return read.problem;
  const authorities = anchors.map((der) => readCertificate(der)).flatMap((one) => (one.ok ? [one.certificate] : []));
  const judged = judgeSvid({ chain: read.chain, anchors: authorities, nowSeconds: NOW, purpose: 'client' });
  return judged.ok ? `proves ${judged.id.trustDomain}` : judged.problem;
}

const GROUPS = [
  ['the SPIFFE profile (SX-01 to SX-07, A-67 to A-70, A-75 to A-78, A-85 to A-89)', VECTORS.profile],
  ['encodings (A-74, A-91)', VECTORS.encodings],
  ['paths (SX-08, A-71 to A-74, A-77, A-90)', VECTORS.paths],
  ['name constraints (A-79)', VECTORS.constraints],
  ['algorithms and keys (A-92)', VECTORS.algorithms],
] as const;

describe.each(GROUPS)('certificates: %s', (_group, vectors) => {
  it.each(vectors)('refuses $name ($of) as $expected, and proves its twin', ({ bad, good, expected }) => {
    expect({ bad: judge(bad), good: judge(good) }).toEqual({ bad: expected, good: 'proves td.example' });
  });
});

describe('the catalogue', () => {
  const all = Object.values(VECTORS).flat();

  it('has a vector for each problem but those of too much work', () => {
    const shown = new Set(all.map(({ expected }) => expected));
    expect(Object.keys(CERTIFICATE_PROBLEMS).filter((problem) => !shown.has(problem as never))).toEqual([
      'path_too_costly',
    ]);
  });

  it('names each defect once', () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  });
});
