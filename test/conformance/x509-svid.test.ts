// X.509-SVIDs by the rows of the SPIFFE profile (SX-01 to SX-09): every vector of test/vectors/x509 that is of a row is refused for its one
// defect, and the twin without it proved. test/x509/presented.test.ts presents the same ones over mutual TLS.

import { describe, expect, it } from 'vitest';
import { readCertificate } from '../../src/x509/certificate.ts';
import { readChain } from '../../src/x509/chain.ts';
import { judgeSvid } from '../../src/x509/svid.ts';
import { makeVectors } from '../vectors/x509/catalogue.ts';
import type { Presented } from '../vectors/x509/vector.ts';

const NOW = Date.UTC(2026, 0, 15, 12) / 1_000;
const VECTORS = Object.values(makeVectors(NOW)).flat();

function judge({ chain, anchors }: Presented): string {
  const read = readChain(chain);
  if (!read.ok) return read.problem;
  const authorities = anchors.map(readCertificate).flatMap((one) => (one.ok ? [one.certificate] : []));
  const judged = judgeSvid({ chain: read.chain, anchors: authorities, nowSeconds: NOW, purpose: 'client' });
  return judged.ok ? 'proved' : judged.problem;
}

/** The problems that the vectors of a row have, each beside a twin that is proved. */
function problemsOf(row: string): readonly string[] {
  const own = VECTORS.filter(({ of }) => of.split(', ').includes(row));
  for (const { name, bad, good, expected } of own)
    expect({ name, bad: judge(bad), good: judge(good) }).toEqual({ name, bad: expected, good: 'proved' });
  return [...new Set(own.map(({ expected }) => expected))].sort();
}

describe('the profile of X.509-SVIDs', () => {
  it('SX-01 a leaf has exactly one URI name, and any names of other kinds', () => {
    expect(problemsOf('SX-01')).toEqual(['extension_repeated', 'spiffe_id', 'uri_missing', 'uri_several']);
  });

  it('SX-02 the ID of a leaf has a path', () => {
    expect(problemsOf('SX-02')).toEqual(['spiffe_id_path']);
  });

  it('SX-03 subject alternative names are critical where the subject is empty', () => {
    expect(problemsOf('SX-03')).toEqual(['names_not_critical']);
  });

  it('SX-04 signing certificates authenticate nobody, and their IDs have no path', () => {
    expect(problemsOf('SX-04')).toEqual(['issuer_spiffe_id', 'leaf_authority', 'leaf_is_anchor', 'spiffe_id_path']);
  });

  it('SX-05 a leaf is no certificate authority', () => {
    expect(problemsOf('SX-05')).toEqual(['leaf_authority']);
  });

  it('SX-06 key usage is there, critical, has digitalSignature, and signs nothing else', () => {
    expect(problemsOf('SX-06')).toEqual([
      'issuer_key_usage',
      'key_usage',
      'key_usage_missing',
      'key_usage_not_critical',
      'leaf_signs',
    ]);
  });

  it('SX-07 extended key usage, where present, has the purpose that it is used for', () => {
    expect(problemsOf('SX-07')).toEqual(['extended_key_usage']);
  });

  it('SX-08 paths are those of RFC 5280', () => {
    expect(problemsOf('SX-08')).toEqual([
      'expired',
      'issuer_expired',
      'issuer_not_yet_valid',
      'issuer_unknown',
      'name_constraints',
      'name_constraints_unsupported',
      'not_yet_valid',
      'path_length',
    ]);
  });

  it("SX-09 a chain ends in the bundle of the leaf's own trust domain", () => {
    expect(problemsOf('SX-09')).toEqual(['issuer_unknown']);
  });
});
