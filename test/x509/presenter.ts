// A running broker to which any chain is presented over mutual TLS, and judged by any authorities: the bundle of its trust domain comes
// from an endpoint that serves what the test gives it. What the broker said of the certificates is read from its record.

import { KEYS_COOLDOWN_SECONDS } from '../../src/core/limits-outside.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { createPace } from '../support/attack.ts';
import { type Caller, startTestBroker, type TestBroker } from '../support/broker.ts';
import { createForge, type Json } from '../support/forge.ts';
import { openTlsServer } from '../support/tls-server.ts';
import { ID } from '../vectors/x509/mint.ts';

export interface Presenter extends AsyncDisposable {
  readonly broker: TestBroker;
  /** From now on these authorities, in DER, are all of the trust domain. */
  trust(anchors: readonly Uint8Array[]): Promise<void>;
  /** A connection that presents this chain; throws where the client's own OpenSSL does not take it. */
  connect(shown: { readonly chain: readonly Uint8Array[]; readonly key: string }): Caller;
  /** How a request over the connection ends: `granted`, the problem in its record, or the code of a handshake that failed. */
  ask(caller: Caller, id?: string): Promise<string>;
}

const NAME = 'LEAF';

/** `ids`: the SPIFFE IDs, beside the usual one, that are granted something. The broker's wall clock stands at this instant. */
export async function openPresenter(nowSeconds: number, ids: readonly string[] = []): Promise<Presenter> {
  const paced = createPace();
  let aheadMs = 0;
  let bundle = '{"keys":[]}';
  const forge = createForge('ES256', NAME);
  const endpoint = await openTlsServer((_request, response) => response.end(bundle));
  const url = `bundle: { url: "${endpoint.url}", profile: https_web, ca: ./endpoint.crt }`;
  const rules = [...new Set([ID, ...ids])].map(
    (id, index) => `  - { name: rule-${index}, subject: { trust: presented, sub: "${id}" }, allow: { ledger: all } }\n`,
  );
  const broker = await startTestBroker({
    config: (yaml) =>
      yaml.replace('targets:\n', `  presented: { kind: spiffe, trustDomain: td.example, ${url} }\ntargets:\n`),
    files: { 'endpoint.crt': endpoint.ca },
    policies: { 'presented.yaml': `rules:\n${rules.join('')}` },
    world: {
      clock: { nowSeconds: () => nowSeconds, elapsedMs: () => performance.now() + aheadMs },
      permitLoopback: true,
    },
  });

  async function trust(anchors: readonly Uint8Array[]): Promise<void> {
    const keys: readonly Json[] = anchors.map((der) => ({
      kty: 'EC',
      use: 'x509-svid',
      x5c: [Buffer.from(der).toString('base64')],
    }));
    bundle = JSON.stringify({ keys });
    // A token whose kid nobody knows has the bundle fetched, once the cooldown is over.
    aheadMs += KEYS_COOLDOWN_SECONDS * 1_000;
    const times = { iat: nowSeconds, exp: nowSeconds + 300 };
    await paced();
    const { status } = await broker.exchange(forge.token({ sub: ID, aud: broker.issuer, ...times }));
    if (status !== 400) throw new Error(`the bundle was not fetched: ${status}`);
  }

  return {
    broker,
    trust,
    connect: ({ chain, key }) => broker.as({ cert: chain.map(pem).join(''), key }),
    async ask(caller, id = ID) {
      await paced();
      const form = { grant_type: 'client_credentials', client_id: id, audience: 'ledger' };
      const answer = await caller.token(form).catch((error: NodeJS.ErrnoException) => error.code ?? error.message);
      if (typeof answer === 'string') return answer;
      if (answer.status === 200) return 'granted';
      const decision = String(answer.body.error_description).slice(-26);
      const record = broker.records().find((one) => one.decision === decision);
      if (record?.reason !== 'certificate_refused') return `${answer.body.error} ${record?.reason}`;
      return String((record.evidence as Json).problem);
    },
    async [Symbol.asyncDispose]() {
      await broker.stop();
      await endpoint[Symbol.asyncDispose]();
    },
  };
}

/** The SPIFFE ID that a leaf would have by itself. */
export function idIn(leaf: Uint8Array | undefined): string {
  const read = leaf && readCertificate(leaf);
  return (read?.ok && read.certificate.uriNames[0]) || ID;
}

export const pem = (der: Uint8Array): string => {
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/(.{64})/g, '$1\n')
    .trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
};
