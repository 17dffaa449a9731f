// What is judged before it is published as ours: good documents, and every way in which they are none.

import { describe, expect, it } from 'vitest';
import { judgeDocuments } from '../../../src/adapters/cli/public-documents.ts';

const ISSUER = 'https://sts.example/tenant';
const RSA = { kty: 'RSA', kid: 'r', use: 'sig', alg: 'RS256', n: 'AQ', e: 'AQAB' };
const EC = { kty: 'EC', kid: 'e', use: 'sig', alg: 'ES256', crv: 'P-256', x: 'AA', y: 'AA' };
const METADATA = {
  issuer: ISSUER,
  jwks_uri: `${ISSUER}/.well-known/jwks.json`,
  id_token_signing_alg_values_supported: ['ES256', 'RS256'],
};
const judge = (keys: unknown, metadata: object = {}, set: object = {}) =>
  judgeDocuments({
    issuer: ISSUER,
    metadata: JSON.stringify({ ...METADATA, ...metadata }),
    jwks: JSON.stringify({ keys, ...set }),
  });
const many = (count: number, key: typeof RSA | typeof EC) =>
  Array.from({ length: count }, (_, at) => ({ ...key, kid: `${key.kid}${at}` }));

describe('the documents of an issuer', () => {
  it('CG-03 are published with the members that clouds know, of which there are no more than a hundred keys of a type', () => {
    expect(judge([RSA, EC])).toEqual({ ok: true, jwksPath: '.well-known/jwks.json', kids: ['r', 'e'] });
    expect(judge([...many(100, RSA), ...many(100, EC)])).toMatchObject({ ok: true });
  });

  it.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'])(
    'A-197 with the private member %s of any key are published nowhere',
    (member) => {
      const problem = 'keys[1] has a private member; nothing is published';
      for (const key of [RSA, EC, { kty: 'oct', kid: 'o' }, {}])
        expect(judge([RSA, { ...key, [member]: 'secret' }])).toEqual({ ok: false, problem });
    },
  );

  it.each([
    [[RSA, { ...EC, x5c: [] }], 'keys[1] has a member that clouds may refuse: x5c'],
    [[{ ...RSA, crv: 'P-256' }], 'keys[0] has a member that clouds may refuse: crv'],
    [[RSA, { kty: 'oct' }], 'keys[1] is neither an RSA nor an EC key'],
    [[RSA, { kty: 'constructor' }], 'keys[1] is neither an RSA nor an EC key'],
    [[RSA, 'x'], 'keys[1] is no object'],
    [[{ ...RSA, kid: undefined }], 'keys[0] has no kid'],
    [[{ ...RSA, n: 7 }], 'keys[0] has no n'],
    [[{ ...RSA, use: 'enc' }], 'keys[0] is not for signatures'],
    [[RSA, { ...EC, kid: 'r' }], 'two keys have one kid'],
    [[EC], 'there is no RS256 key'],
    [[], 'there is no RS256 key'],
    [many(101, RSA), 'there are more than 100 RSA keys'],
    [[RSA, ...many(101, EC)], 'there are more than 100 EC keys'],
    ['x', 'the key set has more in it than keys, or none'],
  ])('are not published with the keys %#: %s', (keys, problem) => {
    expect(judge(keys)).toEqual({ ok: false, problem });
  });

  it.each([
    [{ issuer: `${ISSUER}/` }, `the metadata is not that of ${ISSUER}`],
    [{ jwks_uri: 'https://sts.example/other/jwks.json' }, `jwks_uri is no plain address below ${ISSUER}`],
    [{ jwks_uri: `${ISSUER}/../jwks.json` }, `jwks_uri is no plain address below ${ISSUER}`],
    [{ jwks_uri: `${ISSUER}/a%2fb` }, `jwks_uri is no plain address below ${ISSUER}`],
    [{ jwks_uri: `${ISSUER}/` }, `jwks_uri is no plain address below ${ISSUER}`],
    [{ jwks_uri: undefined }, `jwks_uri is no plain address below ${ISSUER}`],
    [{ id_token_signing_alg_values_supported: ['ES256'] }, 'the metadata does not say that RS256 signs'],
  ])('are not published with the metadata %#: %s', (metadata, problem) => {
    expect(judge([RSA], metadata)).toEqual({ ok: false, problem });
  });

  it('are not published where they are no such documents', () => {
    const [metadata, jwks] = [JSON.stringify(METADATA), JSON.stringify({ keys: [RSA] })];
    expect(judgeDocuments({ issuer: ISSUER, metadata: 'x', jwks })).toMatchObject({ ok: false });
    expect(judgeDocuments({ issuer: ISSUER, metadata, jwks: '[]' })).toMatchObject({ ok: false });
    expect(judge([RSA], {}, { version: 1 })).toMatchObject({ ok: false });
    expect(judgeDocuments({ issuer: ISSUER, metadata, jwks })).toMatchObject({ ok: true });
  });
});
