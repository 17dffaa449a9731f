// Three trust domains, and the SVIDs of each against the bundle of each: over mutual TLS, as a subject token, and as a client
// assertion. Only its own bundle proves one, with all three loaded and with each alone (SX-09, SI-07, SF-02, A-77, A-78, A-99, A-100).

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAttack } from '../support/attack.ts';
import { openSpiffeAuthority, type SpiffeAuthority } from '../support/spiffe-authority.ts';
import {
  type Authorities,
  asItself,
  DOMAINS,
  type Domain,
  type Federation,
  idOf,
  openAuthorities,
  openFederation,
  PATH,
  trusting,
} from './federation.ts';

const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe';

let authorities: Authorities;
let federation: Federation;
beforeAll(async () => {
  authorities = await openAuthorities();
  federation = await openFederation(authorities);
  await trusting(federation);
});
afterAll(() => federation[Symbol.asyncDispose]());

/** How SVIDs with the ID of a domain's workload end that `signer` signed, presented in each way. */
async function presented(
  { broker }: Federation,
  claimed: Domain,
  signer: SpiffeAuthority,
  header: object = {},
  claims: object = {},
) {
  const attack = createAttack(broker);
  const caller = broker.as(await signer.mintSvid(PATH, { uris: [idOf(claimed)] }));
  const token = () => signer.signJwt(PATH, broker.issuer, broker.now(), { sub: idOf(claimed), ...claims }, header);
  const asserted = { ...asItself(claimed), client_assertion_type: ASSERTION, client_assertion: await token() };
  const how = {
    mutualTls: await attack.judged(caller.token(asItself(claimed))),
    problem: problemIn(broker.records().at(-1)),
    subject: await attack.exchange(await token()),
    assertion: await attack.judged(broker.token(asserted)),
  };
  caller.close();
  return how;
}

function problemIn(record: Record<string, unknown> | undefined): unknown {
  const evidence = record?.evidence;
  return typeof evidence === 'object' && evidence !== null && 'problem' in evidence ? evidence.problem : undefined;
}

const PROVED = { mutualTls: '200', problem: undefined, subject: '200', assertion: '200' };
const stranger = (reason: string) => ({
  subject: `400 invalid_request ${reason}`,
  assertion: `400 invalid_client ${reason}`,
});
const UNTRUSTED = { mutualTls: '400 invalid_client issuer_unknown', problem: undefined, ...stranger('issuer_unknown') };

const PAIRS = DOMAINS.flatMap((claimed) => DOMAINS.map((signer) => ({ claimed, signer })));

describe('three trust domains at once', () => {
  it.each(PAIRS)(
    'SX-09, SI-07, SF-02, A-78, A-99 an SVID of $claimed by the authority of $signer',
    async ({ claimed, signer }) => {
      const how = await presented(federation, claimed, authorities[signer]);
      const other = {
        mutualTls: '400 invalid_client certificate_refused',
        problem: 'issuer_unknown',
        ...stranger('key_unknown'),
      };
      expect(how).toEqual(claimed === signer ? PROVED : other);
    },
  );

  it.each(DOMAINS)('A-77 another root under the name of %s, with its kid', async (claimed) => {
    const namesake = await openSpiffeAuthority(`${claimed}.example`);
    const how = await presented(federation, claimed, namesake, { kid: authorities[claimed].kid() });
    expect(how).toEqual({
      mutualTls: '400 invalid_client certificate_refused',
      problem: 'signature_invalid',
      ...stranger('signature_invalid'),
    });
    expect(await presented(federation, claimed, authorities[claimed])).toEqual(PROVED);
  });

  it.each(PAIRS)(
    'A-100 an SVID of $claimed whose iss names $signer is judged by its sub alone',
    async ({ claimed, signer }) => {
      const iss = `spiffe://${signer}.example`;
      expect(await presented(federation, claimed, authorities[claimed], {}, { iss })).toEqual(PROVED);
      if (claimed === signer) return;
      const how = await presented(federation, claimed, authorities[signer], {}, { iss });
      expect(how).toMatchObject(stranger('key_unknown'));
    },
  );
});

describe.each(DOMAINS)('the trust domain %s alone', (only) => {
  let alone: Federation;
  beforeAll(async () => {
    alone = await openFederation(authorities, [only]);
    await trusting(alone, [only]);
  });
  afterAll(() => alone[Symbol.asyncDispose]());

  it.each(PAIRS)('SX-09, A-78, A-99 an SVID of $claimed by the authority of $signer', async ({ claimed, signer }) => {
    const how = await presented(alone, claimed, authorities[signer]);
    const other = {
      mutualTls: '400 invalid_client certificate_refused',
      problem: 'issuer_unknown',
      ...stranger('key_unknown'),
    };
    expect(how).toEqual(claimed !== only ? UNTRUSTED : claimed === signer ? PROVED : other);
  });
});
